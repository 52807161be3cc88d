"""The OpenAPI document, made of what the service itself works with.

Paths, methods and summaries are those of the routes; properties, bounds and descriptions
those of the structs that requests are read into and answers written from; problems those of
``lookalike.errors``. What is left to say stands in ``operations.py``.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from inspect import cleandoc
from typing import Any

import msgspec
from flask import Flask
from werkzeug.routing import Rule

from lookalike.errors import LookalikeError
from lookalike.key_file import Scope
from search_api import problems
from search_api.logs import HEADER, USABLE
from search_api.operations import ANY_PICTURE, EXAMPLE_ID, OPERATIONS, Operation
from search_api.parameters import FORM, JSON, MAX_ID_BYTES, NESTED, RAW
from search_api.problems import LATER, UNAUTHORIZED, URN, Problem
from search_api.schemas import Schema, components, members, reference, required
from search_api.web.paths import pages

OPENAPI = "3.1.1"
# Flask answers these by itself.
IMPLIED = frozenset({"HEAD", "OPTIONS"})
# The server's root, wherever a proxy put it: relative to the document itself.
SERVERS = [{"url": "."}]
# How lists stand in a URL or a form: with commas.
SEPARATED = {"style": "form", "explode": False}
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key as a bearer token."},
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key by itself.",
    },
}
HEADERS: dict[str, Schema] = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "How to send a key.",
        "required": True,
        "schema": {"const": "Bearer"},
    },
    HEADER: {
        "description": "The request's id in the log: the one that it came with, or a new one.",
        "required": True,
        "schema": {"type": "string", "pattern": f"^{USABLE.pattern}$"},
    },
    "ETag": {
        "description": "Of these bytes; send it as If-None-Match.",
        "required": True,
        "schema": {"type": "string"},
    },
}
IDENTIFIER = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Of a picture of the index; it may have slashes.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES},
    "example": EXAMPLE_ID,
}


def document(app: Flask, open_to_all: Iterable[Scope] = ()) -> dict[str, Any]:
    """Describe an application.

    Args:
        app: with its routes; those of pages for people are left out.
        open_to_all: what everybody may do without a key.

    Raises:
        KeyError: of one of its endpoints ``operations.py`` says nothing.
    """
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for rule in app.url_map.iter_rules():
        blueprint, _, name = rule.endpoint.rpartition(".")
        if blueprint == pages.name:
            continue  # for people
        summary = cleandoc(app.view_functions[rule.endpoint].__doc__ or name)
        for method in (rule.methods or set()) - IMPLIED:
            described = _operation(OPERATIONS[name], summary, set(open_to_all))
            paths[_path(rule)][method.lower()] = {"operationId": name, **described}
    for path, item in paths.items():
        if "{id}" in path:
            item["parameters"] = [IDENTIFIER]
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Lookalike",
            "version": version("lookalike"),
            "summary": "Finds the pictures of a collection that look like a given one.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": SERVERS,
        "paths": dict(paths),
        "components": {
            "schemas": components(_structs()),
            "securitySchemes": SECURITY,
            "headers": HEADERS,
        },
    }


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def _operation(operation: Operation, summary: str, open_to_all: set[Scope]) -> dict[str, Any]:
    first, _, rest = summary.partition("\n")
    described: dict[str, Any] = {"summary": first}
    if rest.strip():
        described["description"] = rest.strip()
    if operation.query:
        described["parameters"] = _parameters(operation)
    if operation.body:
        described["requestBody"] = {"required": True, "content": _bodies(operation)}
    described["responses"] = {
        "200": _answer(operation),
        **({"201": _answer(operation)} if operation.creates else {}),
        **({"304": _unchanged()} if operation.cached else {}),
        **_problems(operation.all_problems),
    }
    locked = operation.scope is not None and operation.scope not in open_to_all
    described["security"] = [{name: []} for name in SECURITY] if locked else []
    return described


def _answer(operation: Operation) -> dict[str, Any]:
    content = {media: {"schema": reference(of)} for media, of in operation.answers.items()}
    named = [HEADER, "ETag"] if operation.cached else [HEADER]
    return {"description": "Done.", "content": content, "headers": _headers(*named)}


def _unchanged() -> dict[str, Any]:
    return {"description": "The browser has it already.", "headers": _headers(HEADER, "ETag")}


def _problems(kinds: Iterable[type[LookalikeError]]) -> dict[str, Any]:
    """Describe problem documents by their status, with the types that each may have."""
    by_status: dict[int, list[type[LookalikeError]]] = defaultdict(list)
    for kind in kinds:
        by_status[kind.status].append(kind)
    return {str(status): _problem(status, by_status[status]) for status in sorted(by_status)}


def _problem(status: int, kinds: list[type[LookalikeError]]) -> dict[str, Any]:
    types = [f"{URN}{kind.type}" for kind in kinds]
    told = {"type": {"enum": types}, "status": {"const": status}}
    described: dict[str, Any] = {
        "description": "\n".join(f"* `{kind.type}`: {kind.title}." for kind in kinds),
        "content": {
            problems.MEDIA_TYPE: {"schema": {**reference(Problem), "properties": told}},
        },
    }
    named = [HEADER]
    if status in LATER:
        named.append("Retry-After")
    if status == UNAUTHORIZED:
        named.append("WWW-Authenticate")
    described["headers"] = _headers(*named)
    return described


def _headers(*names: str) -> dict[str, Schema]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _bodies(operation: Operation) -> dict[str, Any]:
    bodies: dict[str, Any] = {
        media: {"schema": reference(of)} for media, of in operation.body.items()
    }
    if operation.examples:
        bodies[JSON]["examples"] = {
            name: {"value": value} for name, value in operation.examples.items()
        }
    if operation.files:
        bodies[FORM] = _form(operation)
    return bodies


def _form(operation: Operation) -> dict[str, Any]:
    """Describe a form: its files, and all that a URL could have."""
    files, fields = dict(operation.files), members(operation.query)
    schema = {
        "type": "object",
        "properties": {**files, **fields},
        "required": list(files),
        "additionalProperties": False,
    }
    encoding: dict[str, Any] = {name: {"contentType": f"{ANY_PICTURE}, {RAW}"} for name in files}
    encoding |= {name: {"contentType": JSON} for name in fields if name in NESTED}
    encoding |= {name: SEPARATED for name, of in fields.items() if of.get("type") == "array"}
    return {"schema": schema, "encoding": encoding}


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    needed = required(operation.query)
    return [
        _parameter(name, dict(of), needed=name in needed)
        for name, of in members(operation.query).items()
    ]


def _parameter(name: str, schema: Schema, *, needed: bool) -> dict[str, Any]:
    described = {"name": name, "in": "query", "description": schema.pop("description")}
    if needed:
        described["required"] = True
    if name in NESTED:
        return {**described, "content": {JSON: {"schema": schema}}}
    style = SEPARATED if schema.get("type") == "array" else {}
    return {**described, **style, "schema": schema}


def _structs() -> Iterator[type[msgspec.Struct]]:
    yield Problem
    for operation in OPERATIONS.values():
        for described in (*operation.body.values(), *operation.answers.values()):
            if isinstance(described, type):
                yield described
