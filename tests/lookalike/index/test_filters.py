"""The filter language: what it takes, what it refuses, and in which words."""

from typing import Any

import msgspec
import pytest

from lookalike.errors import InvalidFilter
from lookalike.index import Filter, decode_filter, filter_of
from lookalike.index.filters import canonical

LEAF = {"attribute": "a", "eq": 1}


def nested(depth: int) -> Any:
    return LEAF if depth == 1 else {"not": nested(depth - 1)}


@pytest.mark.parametrize(
    ("json", "message"),
    [
        ("", "cannot be understood"),
        ("{", "cannot be understood"),
        ("[]", "Expected `object`, got `array`"),
        (b'{"attribute": "\xff", "eq": 1}', "cannot be understood"),
        ({}, "one of `attribute`, `and`, `or`, `not`, here is none of them"),
        ({"attribute": "a"}, "a condition has one of `eq`, `in`, `lt`"),
        ({"attribute": "a", "eq": 1, "not": LEAF}, "here is `attribute` and `not`"),
        ({"and": [LEAF], "eq": 1}, "comparisons go with `attribute`, and not with `and`"),
        ({"attribute": "a", "equals": 1}, "unknown field `equals`"),
        ({"attribute": 1, "eq": 1}, r"Expected `str`, got `int` - at `\$.attribute`"),
        ({"attribute": "a", "lt": True}, r"\$.lt"),
        ({"attribute": "a", "lt": None}, r"\$.lt"),
        ({"attribute": "a", "eq": [1]}, r"\$.eq"),
        ({"attribute": "a", "in": []}, "length >= 1"),
        ({"or": []}, "length >= 1"),
        ({"and": [LEAF, {"not": {}}]}, r"\$.and\[1\].not"),
        ({"attribute": "a", "in": list(range(1001))}, "1001 values of `in`, and may have 1000"),
        ({"or": [LEAF] * 101}, "101 conditions, and may have 100"),
        (nested(9), "over 8 deep"),
        ('{"not":' * 100_000 + "{}" + "}" * 100_000, "over 8 deep"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_filter_is_refused_in_clear_words(json: Any, message: str) -> None:
    data = json if isinstance(json, str | bytes) else msgspec.json.encode(json)
    with pytest.raises(InvalidFilter, match=message):
        decode_filter(data)


@pytest.mark.parametrize(
    "json", [nested(8), {"or": [LEAF] * 100}, {"attribute": "a", "in": list(range(1000))}], ids=len
)
def test_a_filter_at_its_limits_is_taken(json: Any) -> None:
    assert filter_of(json) == decode_filter(msgspec.json.encode(json))


def test_a_filter_is_written_as_it_was_read() -> None:
    json = {
        "and": [{"attribute": "a", "gte": 2, "lt": "x"}, {"not": {"attribute": "b", "in": [1]}}]
    }
    assert msgspec.to_builtins(filter_of(json)) == json


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"attribute": "a", "eq": 2}, {"attribute": "a", "eq": 2.0}),
        ({"attribute": "a", "in": [1, 2, 1]}, {"attribute": "a", "in": [2, 1]}),
        ({"and": [LEAF, nested(2), LEAF]}, {"and": [nested(2), LEAF]}),
        ({"attribute": "a", "eq": 1}, {"attribute": "a", "in": [1]}),
    ],
)
def test_what_says_the_same_has_one_canonical_form(one: Any, other: Any) -> None:
    assert canonical(filter_of(one)) == canonical(filter_of(other))


def test_what_says_different_things_has_different_canonical_forms() -> None:
    different = [
        *(
            {"attribute": "a", "eq": value}
            for value in (1, True, "1", "1.0", "true", None, "null", 0)
        ),
        {"attribute": "b", "eq": 1},
        {"attribute": "a", "in": [1, 2]},
        {"attribute": "a", "eq": 1, "in": [2]},
        *({"attribute": "a", way: 1} for way in ("lt", "lte", "gt", "gte")),
        {"attribute": "a", "lt": "1.0"},
        {"and": [LEAF, nested(2)]},
        {"or": [LEAF, nested(2)]},
        nested(2),
    ]
    assert len({canonical(filter_of(json)) for json in different}) == len(different)


def test_the_language_has_a_json_schema() -> None:
    schema = msgspec.json.schema(Filter)
    properties = schema["$defs"]["Filter"]["properties"]
    assert set(properties) == {
        "attribute", "eq", "in", "lt", "lte", "gt", "gte", "and", "or", "not",
    }  # fmt: skip
    assert all("description" in msgspec.json.encode(one).decode() for one in properties.values())
