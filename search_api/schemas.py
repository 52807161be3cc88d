"""JSON schemas of the structs that requests are read into and answers are written from."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from search_api.parameters import SOURCES, JsonBatch, JsonQuery

Schema = dict[str, Any]
# What a part of the document is made of: a struct, or a schema where there is none.
Described = type[msgspec.Struct] | Schema

TEMPLATE = "#/components/schemas/{name}"
NULL: Schema = {"type": "null"}


def reference(described: Described) -> Schema:
    """Refer to a struct's schema among the components; a schema is itself."""
    if isinstance(described, dict):
        return described
    return {"$ref": TEMPLATE.format(name=described.__name__)}


def components(structs: Iterable[type[msgspec.Struct]]) -> dict[str, Schema]:
    """Give the schemas of structs, and of all that they are made of, by name."""
    _, found = msgspec.json.schema_components(structs, ref_template=TEMPLATE)
    # What decode_query sees to, which no type says.
    found[JsonQuery.__name__]["oneOf"] = [{"required": [name]} for name in SOURCES]
    # A search of a batch that is none has its own outcome, which says so: the rest goes on.
    found[JsonBatch.__name__]["properties"]["queries"]["items"] = {
        "anyOf": [reference(JsonQuery), {"description": "Anything else has a 400 as its outcome."}]
    }
    return found


def members(described: type[msgspec.Struct] | Mapping[str, Schema]) -> dict[str, Schema]:
    """Give the schemas of what can be given by name in a URL or a form: never null."""
    if isinstance(described, Mapping):
        return dict(described)
    _, found = msgspec.json.schema_components([described], ref_template=TEMPLATE)
    properties = found[described.__name__]["properties"]
    return {name: _present(schema) for name, schema in properties.items()}


def required(described: type[msgspec.Struct] | Mapping[str, Schema]) -> set[str]:
    """Name what must be given; a mapping's schemas are of what need not be."""
    if isinstance(described, Mapping):
        return set()
    return {field.encode_name for field in msgspec.structs.fields(described) if field.required}


def _present(schema: Schema) -> Schema:
    """Leave null out of what a member may be: in a URL it is absent instead."""
    kept = {name: value for name, value in schema.items() if value is not None}
    if NULL not in kept.get("anyOf", ()):
        return kept
    [only] = (choice for choice in kept.pop("anyOf") if choice != NULL)
    return {**kept, **only}
