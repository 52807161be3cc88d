"""The OpenAPI document and its page, without a server."""

import re
import tomllib
from base64 import b64encode
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import pytest
from openapi_spec_validator import validate

import search_api
from lookalike.errors import LookalikeError
from search_api import docs
from search_api.app import bare_app
from search_api.openapi import document
from search_api.operations import OPERATIONS
from search_api.parameters import MAX_K, Field
from search_api.problems import LATER
from search_api.search import Result

ROOM = Path(search_api.__file__).parent
METHODS = {"get", "post", "delete", "put", "patch"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document(bare_app())


def operations(described: dict[str, Any]) -> list[dict[str, Any]]:
    items = described["paths"].values()
    return [item[method] for item in items for method in item.keys() & METHODS]


def test_it_is_an_openapi_document(described: dict[str, Any]) -> None:
    validate(described)


def test_every_route_is_described_and_nothing_else(described: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in bare_app().url_map.iter_rules()
        if not rule.endpoint.startswith("pages.")  # for people
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    found = {
        (path, method)
        for path, item in described["paths"].items()
        for method in item.keys() - {"parameters"}
    }
    assert found == routes
    assert {one["operationId"] for one in operations(described)} == OPERATIONS.keys()


def test_bounds_and_words_are_those_of_the_structs(described: dict[str, Any]) -> None:
    search = described["paths"]["/search"]["post"]
    in_url = next(one for one in search["parameters"] if one["name"] == "k")
    in_form = search["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]["k"]
    in_json = described["components"]["schemas"]["JsonQuery"]["properties"]["k"]
    assert in_url["schema"]["maximum"] == in_form["maximum"] == in_json["maximum"] == MAX_K
    assert in_url["description"] == in_form["description"] == in_json["description"]


def test_a_result_has_the_members_that_can_be_asked_for() -> None:
    assert set(Result.__struct_fields__) == set(get_args(Field))


def test_problems_have_types_of_their_status_and_say_when_to_try_again(
    described: dict[str, Any],
) -> None:
    kinds = {f"urn:lookalike:problem:{kind.type}": kind.status for kind in family(LookalikeError)}
    for operation in operations(described):
        for status, response in operation["responses"].items():
            if status in {"200", "201", "304"}:
                continue
            schema = response["content"]["application/problem+json"]["schema"]["properties"]
            assert {kinds[kind] for kind in schema["type"]["enum"]} == {int(status)}
            assert ("Retry-After" in response.get("headers", {})) == (int(status) in LATER)


def test_each_path_may_be_asked_by_a_url_that_is_no_utf8(described: dict[str, Any]) -> None:
    for operation in operations(described):
        refused = operation["responses"]["400"]["content"]["application/problem+json"]["schema"]
        types = refused["properties"]["type"]["enum"]
        assert types.count("urn:lookalike:problem:bad-request") == 1
        assert len(types) == len(set(types))


def family(root: type[LookalikeError]) -> set[type[LookalikeError]]:
    return {root}.union(*(family(kind) for kind in root.__subclasses__()))


def test_what_everybody_may_do_takes_no_key() -> None:
    locked = {
        one["operationId"]
        for one in operations(document(bare_app(), {"search"}))
        if one["security"]
    }
    assert locked == {
        *("delete_picture", "put_picture"),
        *("get_index_versions", "post_index_rollback", "get_models"),
        *("get_quarantine", "get_quarantined_image"),
    }


def test_the_page_allows_its_own_style_and_script_alone() -> None:
    page = docs.page()
    html = page.html.decode()
    for tag in ("style", "script"):
        [content] = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", html, re.DOTALL)
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in page.policy
    assert "unsafe" not in page.policy
    assert "default-src 'none'" in page.policy


def test_the_page_has_nothing_from_elsewhere_and_no_style_or_script_in_a_tag() -> None:
    html = docs.page().html.decode()
    assert "//" not in re.sub(r"^\s*// .*$", "", html, flags=re.MULTILINE)
    markup = (ROOM / "docs" / "page.html").read_text()
    assert not re.search(r"\s(style|on\w+)=", markup)


def test_its_files_are_packaged() -> None:
    settings = tomllib.loads((ROOM.parent / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["*"]
    files = [path.name for path in ROOM.rglob("*.*") if path.suffix not in {".py", ".pyc"}]
    assert {"page.html", "page.css", "page.js"} <= set(files)
    assert [name for name in files if not any(fnmatch(name, one) for one in patterns)] == []
