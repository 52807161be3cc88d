"""The running service against its own description: requests by it, and such as it forbids."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig

from search_api import docs
from search_api.app import bare_app
from search_api.openapi import document
from tests.search_api.conftest import Stack, running_stack
from tests.search_api.test_search import JPEG, encoded, noise

EXAMPLES = 15
PICTURES = st.sampled_from([JPEG, encoded(".png", noise(40, 50, 3)), encoded(".webp", noise(9, 9))])
# Valid requests that are refused with 400: OpenAPI cannot say that JSON has its parameters in
# its body, that a form and its URL share theirs, how long a vector of this index is, or that it
# has no calibrated scores.
UNSAID = (
    *("in its body, not its URL", "given more than once", "a vector of this index"),
    *("vector has no parts", "min_score", "is not base64"),
    # A filter has exactly one of its forms, and names attributes that there are.
    *("a filter has one of", "a condition has one of", "attribute"),
)
REFUSED = ["400", "403", "404", "405", "409", "413", "414", "415", "422"]
CONFIGURATION: dict[str, Any] = {
    "generation": {"mode": "all"},
    "checks": {"negative_data_rejection": {"expected-statuses": REFUSED}},
    "operations": [
        {
            "include-name": "POST /search",
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "400", "403", "404", "422"]
                }
            },
        },
        {
            "include-name": "POST /explain",
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "400", "404", "409", "422"]
                }
            },
        },
        {
            "include-name": "PUT /pictures/{id}",
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "422"]}},
        },
        {
            # A version's name may be well-formed and of none, and there may be none before.
            "include-name": "POST /index/rollback",
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404"]}},
        },
        {
            # DELETE takes the whole of such a path as an id that ends in /image.
            "include-name": "GET /pictures/{id}/image",
            "checks": {
                "allow_header_conformance": {"enabled": False},
                "unsupported_method": {"enabled": False},
            },
        },
    ],
}

schemathesis.openapi.media_type("image/*", PICTURES)
schemathesis.openapi.media_type("application/octet-stream", PICTURES)
api = schemathesis.openapi.from_dict(
    document(bare_app(), {"search", "admin"}), config=SchemathesisConfig.from_dict(CONFIGURATION)
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One of its own, since pictures are put into it and deleted from it."""
    with running_stack(tmp_path_factory.mktemp("conformance")) as running:
        yield running


@api.parametrize()
@settings(max_examples=EXAMPLES, deadline=None)
def test_it_answers_as_it_is_described(case: schemathesis.Case, stack: Stack) -> None:
    response = case.call_and_validate(base_url=stack.url)
    valid = case.meta is not None and case.meta.generation.mode.is_positive
    if valid and response.status_code == 400:
        problem = response.json()
        if problem["type"].endswith((":invalid-parameter", ":invalid-filter")):
            assert any(words in problem["detail"] for words in UNSAID), problem


def test_the_description_is_served(stack: Stack) -> None:
    served = requests.get(f"{stack.url}/openapi.json", timeout=10)
    assert served.json() == api.raw_schema


def test_the_page_is_served_under_its_own_policy(stack: Stack) -> None:
    page = requests.get(f"{stack.url}/docs", timeout=10)
    assert page.content == docs.page().html
    assert page.headers["Content-Security-Policy"] == docs.page().policy
    others = requests.get(f"{stack.url}/openapi.json", timeout=10)
    assert others.headers["Content-Security-Policy"].startswith("default-src 'none'; frame")
