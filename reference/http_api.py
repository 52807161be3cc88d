"""The HTTP API, made of its OpenAPI document."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from search_api.app import bare_app
from search_api.openapi import document
from search_api.problems import URN

Schema = dict[str, Any]

HEAD = """# The HTTP API

Every path, parameter, answer and problem. This page is generated from the service's OpenAPI
document by `python -m reference`; a running service gives the document itself at
`/openapi.json`, and a page to try it on at `/docs`. What the parts mean together is told in
[search_api.md](search_api.md), and each problem in [errors.md](errors.md).

Without keys (`lookalike api-key`), who may do what is said in [settings.md](settings.md). Where
a path says that it takes a key, it is sent as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
"""
BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "over {}",
    "maximum": "at most {}",
    "minLength": "of at least {} characters",
    "maxLength": "of at most {} characters",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
}


def http_api_page() -> str:
    """Render the OpenAPI document of a service that has keys as a Markdown page."""
    described = document(bare_app())
    paths = (
        part
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
        for part in _operation(f"{method.upper()} {path}", operation)
    )
    schemas = (
        part
        for name, schema in described["components"]["schemas"].items()
        for part in _schema(name, schema)
    )
    return "\n".join([HEAD, *paths, "## Schemas", "", *schemas]).rstrip() + "\n"


def _operation(name: str, operation: Schema) -> Iterator[str]:
    yield from (f"## `{name}`", "", _sentence(operation["summary"]), "")
    if "description" in operation:
        yield from (_text(operation["description"]), "")
    if operation["security"]:
        yield from ("It takes a key, where the service has keys.", "")
    if "parameters" in operation:
        yield from ("| in the URL | type | what |", "|---|---|---|")
        yield from (_parameter(one) for one in operation["parameters"])
        yield ""
    if "requestBody" in operation:
        yield from ("| body | schema |", "|---|---|")
        yield from _contents(operation["requestBody"]["content"])
        yield ""
        yield from _examples(operation["requestBody"]["content"])
    yield from ("| status | what |", "|---|---|")
    yield from (_response(status, of) for status, of in operation["responses"].items())
    yield ""


def _parameter(parameter: Schema) -> str:
    schema = parameter.get("schema") or parameter["content"]["application/json"]["schema"]
    name = f"`{parameter['name']}`" + (", required" if parameter.get("required") else "")
    return f"| {name} | {_type(schema)} | {_text(parameter['description'])} |"


def _contents(content: Schema) -> Iterator[str]:
    for media, of in content.items():
        schema = of["schema"]
        yield f"| `{media}` | {_fields(schema) if 'properties' in schema else _bytes(schema)} |"


def _fields(schema: Schema) -> str:
    names = (f"`{name}`" for name in schema["properties"])
    return "fields " + ", ".join(names)


def _bytes(schema: Schema) -> str:
    return _type(schema) if schema else "the file's bytes"


def _examples(content: Schema) -> Iterator[str]:
    examples = content.get("application/json", {}).get("examples", {})
    for name, example in examples.items():
        yield from (f"{name}:", "", "```json", json.dumps(example["value"]), "```", "")


def _response(status: str, response: Schema) -> str:
    content = response.get("content", {})
    types = content.get("application/problem+json", {}).get("schema", {}).get("properties")
    if types:
        named = (kind.removeprefix(URN) for kind in types["type"]["enum"])
        links = (f"[`{kind}`](errors.md#{kind}-{status})" for kind in named)
        return f"| {status} | {', '.join(links)} |"
    if not content:
        return f"| {status} | {_text(response['description'])} |"
    answers = (f"`{media}`: {_bytes(of['schema'])}" for media, of in content.items())
    return f"| {status} | {'; '.join(answers)} |"


def _schema(name: str, schema: Schema) -> Iterator[str]:
    yield from (f"### {name}", "")
    if "description" in schema:
        yield from (_text(schema["description"]), "")
    if not schema.get("properties"):
        return
    needed = set(schema.get("required", ()))
    yield from ("| member | type | what |", "|---|---|---|")
    for member, of in schema["properties"].items():
        told = f"`{member}`" + (", required" if member in needed else "")
        yield f"| {told} | {_type(of)} | {_text(_description(of))} |"
    yield ""


def _description(schema: Schema) -> str:
    inner = (one.get("description", "") for one in schema.get("anyOf", ()))
    return schema.get("description") or next((text for text in inner if text), "")


def _type(schema: Schema) -> str:
    """Say in words what a schema allows; a struct is a link to its own table."""
    told = _kind(schema)
    bounds = [text.format(schema[name]) for name, text in BOUNDS.items() if name in schema]
    if schema.get("default") is not None:
        bounds.append(f"by default {json.dumps(schema['default'])}")
    return ", ".join([told, *bounds])


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return _either(_type(one) for one in schema["anyOf"] if one.get("type") or "$ref" in one)
    if "enum" in schema:
        return _either(json.dumps(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"array of: {_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of: {_type(schema['additionalProperties'])}"
    return str(schema.get("type", "anything"))


def _either(kinds: Iterable[str]) -> str:
    return " or ".join(kinds)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _text(text: str) -> str:
    """Make one line of a docstring, its double back-quotes Markdown's."""
    return re.sub(r"\s+", " ", text.replace("``", "`")).strip().replace("|", r"\|")
