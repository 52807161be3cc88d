"""A SQL query as a catalogue: a real PostgreSQL server, and SQLite files."""

from itertools import count, islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.catalogue import Picture, check_unique, open_catalogue
from lookalike.errors import DataError
from tests.lookalike.catalogue.databases import many, run
from tests.memory import peak_bytes

_numbers = count()
CHECK = """
import sys
from lookalike.catalogue import check_unique, open_catalogue
check_unique(open_catalogue(*sys.argv[1:]))
"""
# What both databases can hold: PostgreSQL refuses NUL.
IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


def test_a_row_is_a_picture_with_attributes(url: str) -> None:
    table = f"products{next(_numbers)}"
    run(
        url,
        f"CREATE TABLE {table} (sku VARCHAR(40), url TEXT, kind TEXT, price FLOAT, stock INTEGER)",
        f"INSERT INTO {table} VALUES "
        "('a/1', 's3://bucket/a.png', 'bird', 1.5, 3), ('b', '/b c.png', NULL, NULL, NULL)",
    )
    query = f"SELECT sku AS id, url AS uri, kind AS label, price, stock FROM {table} ORDER BY sku"
    assert list(open_catalogue(url, query)) == [
        Picture("a/1", "s3://bucket/a.png", "bird", {"price": 1.5, "stock": 3}),
        Picture("b", "file:///b%20c.png", None, {"price": None, "stock": None}),
    ]


def test_what_postgresql_has_types_for_becomes_text_and_numbers(postgres: str) -> None:
    query = (
        "SELECT gen_random_uuid() AS id, '/a.png' AS uri, 1.25::numeric AS price, true AS sold, "
        "date '2024-02-29' AS day, timestamptz '2024-02-29 10:00+00' AS moment, "
        "9007199254740993::bigint AS big, 'NaN'::float8 AS odd"
    )
    [picture] = open_catalogue(postgres, query)
    assert len(picture.id) == 36
    assert picture.attributes == {
        "price": 1.25,
        "sold": True,
        "day": "2024-02-29",
        "moment": "2024-02-29T10:00:00+00:00",
        "big": 9007199254740993,
        "odd": None,
    }


@pytest.mark.parametrize(
    ("value", "what"), [("ARRAY[1]", "list"), ("'{}'::jsonb", "dict"), ("'x'::bytea", "bytes")]
)
def test_attributes_that_cannot_be_are_named(postgres: str, value: str, what: str) -> None:
    with pytest.raises(DataError, match=f"the query's row 1: column 'x' holds a {what}"):
        list(open_catalogue(postgres, f"SELECT 'a' AS id, '/a' AS uri, {value} AS x"))


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ids=st.lists(IDS.filter(lambda text: len(text.encode()) <= 4096), min_size=1, max_size=5))
def test_any_text_survives_as_an_id(url: str, ids: list[str]) -> None:
    table = f"odd{next(_numbers)}"
    run(
        url,
        f"CREATE TABLE {table} (place INTEGER, id TEXT)",
        f"INSERT INTO {table} VALUES (:place, :id)",
        rows=tuple({"place": place, "id": text} for place, text in enumerate(ids)),
    )
    query = f"SELECT id, '/a.png' AS uri, id AS label FROM {table} ORDER BY place"
    assert [(p.id, p.label) for p in open_catalogue(url, query)] == [(t, t) for t in ids]


def test_percent_signs_and_colons_of_the_query_are_left_alone(url: str) -> None:
    query = "SELECT '100%s :x' AS id, '/a' AS uri WHERE 'ab' LIKE 'a%' AND ':y' = ':y'"
    assert [p.id for p in open_catalogue(url, query)] == ["100%s :x"]


def test_a_semicolon_may_end_the_query(url: str) -> None:
    assert [p.id for p in open_catalogue(url, "SELECT 'a' AS id, '/a' AS uri;")] == ["a"]


def test_the_first_pictures_come_while_a_thousand_million_are_still_to_come(url: str) -> None:
    catalogue = open_catalogue(url, many(url, 10**9))
    assert [p.id for p in islice(catalogue, 3)] == ["p1", "p2", "p3"]
    assert [p.id for p in islice(catalogue, 3)] == ["p1", "p2", "p3"]


def test_many_rows_do_not_live_in_memory(url: str) -> None:
    few, all_of_them = (peak_bytes(CHECK, url, many(url, rows)) for rows in (10, 300_000))
    # As Python objects they are over 100 MB.
    assert all_of_them - few < 40_000_000


def test_ids_that_are_given_twice_are_named(url: str) -> None:
    query = "SELECT 'a' AS id, '/a' AS uri UNION ALL SELECT 'b', '/b' UNION ALL SELECT 'a', '/c'"
    with pytest.raises(DataError, match=r"an id more than once.*: 'a'$"):
        check_unique(open_catalogue(url, query))
