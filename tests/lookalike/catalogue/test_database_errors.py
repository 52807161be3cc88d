"""What goes wrong with a SQL query, and how it is told: never with the password."""

import sys
from itertools import count, islice
from pathlib import Path

import pytest
import sqlalchemy

from lookalike.catalogue import open_catalogue
from lookalike.errors import ConfigurationError, DataError, SourceUnavailable
from tests.lookalike.catalogue.databases import many, run
from tests.postgres_server import ENCODED, PASSWORD

_numbers = count()


@pytest.mark.parametrize("text", ["", "x" * 4097])
def test_ids_that_cannot_be_are_named_by_their_row(url: str, text: str) -> None:
    query = f"SELECT 'a' AS id, '/a' AS uri UNION ALL SELECT '{text}', '/b'"
    with pytest.raises(DataError, match="the query's row 2: the id"):
        list(open_catalogue(url, query))


def test_an_id_with_a_nul_is_named_by_its_row(tmp_path: Path) -> None:
    (tmp_path / "shop.sqlite").touch()
    query = "SELECT 'a' || char(0) AS id, '/a' AS uri"
    with pytest.raises(DataError, match=r"row 1: the id 'a.x00' has a NUL"):
        list(open_catalogue(f"sqlite:///{tmp_path}/shop.sqlite", query))


def test_a_missing_column_is_named(url: str) -> None:
    with pytest.raises(DataError, match=r"the query has no column 'uri'.*found .'id', 'place'"):
        list(open_catalogue(url, "SELECT 'a' AS id, '/a' AS place"))


def test_a_relative_uri_is_refused(url: str) -> None:
    with pytest.raises(DataError, match=r"row 1: uri 'bird/a.png' is a relative path, and nothing"):
        list(open_catalogue(url, "SELECT 'a' AS id, 'bird/a.png' AS uri"))


@pytest.mark.parametrize("query", ["SELECT id, uri FROM nowhere", "SELEC 1", ""])
def test_a_query_that_fails_is_told_with_the_database_s_words(url: str, query: str) -> None:
    with pytest.raises(DataError, match=r"nowhere|SELEC|no rows|at end of input"):
        list(open_catalogue(url, query))


@pytest.mark.parametrize(
    "query",
    ["DROP TABLE kept{}", "DELETE FROM kept{} RETURNING id, '/a' AS uri", "INSERT INTO kept{} {}"],
)
def test_a_query_changes_nothing(url: str, query: str) -> None:
    number = next(_numbers)
    run(url, f"CREATE TABLE kept{number} (id TEXT)", f"INSERT INTO kept{number} VALUES ('a')")
    with pytest.raises(DataError):
        list(open_catalogue(url, query.format(number, "VALUES ('b')")))
    kept = open_catalogue(url, f"SELECT id, '/a' AS uri FROM kept{number}")
    assert [p.id for p in kept] == ["a"]


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no database .*gone\.sqlite"):
        open_catalogue(f"sqlite:///{tmp_path}/gone.sqlite", "SELECT 1")
    assert not (tmp_path / "gone.sqlite").exists()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(DataError, match="not a database"):
        list(open_catalogue(f"sqlite:///{tmp_path}/shop.sqlite", "SELECT id, uri FROM pictures"))


def test_a_database_needs_a_query() -> None:
    with pytest.raises(ConfigurationError, match="sqlite:// is a database: say with --query"):
        open_catalogue("sqlite:///shop.sqlite")


def test_a_query_needs_a_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not the URL of a database"):
        open_catalogue(str(tmp_path), "SELECT 1")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgres://host/shop", "no database 'postgres'; PostgreSQL is postgresql.psycopg"),
        ("dbase://host/shop", "no database 'dbase'"),
        ("mysql+pymysql://host/shop", "mysql.pymysql needs a driver that is not installed"),
    ],
)
def test_an_unknown_database_or_driver_is_named(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        open_catalogue(url, "SELECT 1")


@pytest.mark.parametrize(("module", "extra"), [("psycopg", "postgres"), ("sqlalchemy", "jobs")])
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_a_missing_package_is_named_by_its_extra(
    scheme: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=rf"pip install 'lookalike\[{extra}\]'"):
        open_catalogue(f"{scheme}://host/shop", "SELECT 1")


def test_a_server_that_does_not_answer_is_no_bad_data(postgres: str) -> None:
    url = sqlalchemy.make_url(postgres).set(port=9)
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1"):
        list(open_catalogue(url.render_as_string(hide_password=False), "SELECT 1"))


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda url: url.replace(ENCODED, PASSWORD),  # not percent-encoded
        lambda url: url.replace(ENCODED, f"{PASSWORD}@{PASSWORD}"),
        lambda url: url.replace(ENCODED, f"{ENCODED}-wrong"),
        lambda url: url.replace(f":{ENCODED}", "").replace("/postgres", f"/?password={ENCODED}x"),
        lambda url: url.replace("/postgres", f"/{ENCODED}"),
        lambda url: f"{url}?options=-c%20{ENCODED}",
        lambda url: url.replace("127.0.0.1:", "127.0.0.1:1"),
        lambda url: url.replace("+psycopg", "+nothing"),
    ],
)
def test_no_error_shows_the_password(postgres: str, spoilt: object) -> None:
    assert callable(spoilt)
    with pytest.raises((ConfigurationError, DataError, SourceUnavailable)) as caught:
        list(open_catalogue(spoilt(postgres), "SELECT 1"))
    text = str(caught.value)
    assert PASSWORD not in text
    assert ENCODED not in text
    assert "ss/w:rd" not in text
    assert caught.value.__cause__ is None


def test_a_connection_that_is_lost_in_the_middle_is_no_bad_data(postgres: str) -> None:
    stream = iter(open_catalogue(postgres, many(postgres, 10**9)))
    next(stream)
    run(
        postgres,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE query LIKE 'FETCH%' OR query LIKE 'DECLARE%'",
    )
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1"):
        list(islice(stream, 10_000))
