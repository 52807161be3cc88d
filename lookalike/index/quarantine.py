"""The pictures of a version's catalogue that have no vector, and why: an SQLite file of its own."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from lookalike.errors import DataError
from lookalike.index.sqlite_file import AS_A_DRAFT, open_immutable, select_in

SCHEMA = """
CREATE TABLE quarantine (
    id TEXT PRIMARY KEY, uri TEXT NOT NULL, type TEXT NOT NULL, detail TEXT
) WITHOUT ROWID;
"""


class Quarantined(msgspec.Struct, frozen=True):
    """One picture of the catalogue that has no vector, and why."""

    id: str
    uri: str
    type: str
    detail: str


def write_quarantine(path: Path, quarantine: Iterable[Quarantined]) -> int:
    """Write what is quarantined, streaming; give how many there are.

    Raises:
        DataError: two pictures have one id.
    """
    connection = sqlite3.connect(path)
    count = 0
    try:
        connection.executescript(AS_A_DRAFT + SCHEMA)
        for item in quarantine:
            _insert(connection, item)
            count += 1
        connection.commit()
    finally:
        connection.close()
    return count


def read_quarantine(path: Path) -> list[Quarantined]:
    """List the pictures that have no vector, by id."""
    connection = open_immutable(path)
    try:
        found = connection.execute("SELECT id, uri, type, detail FROM quarantine ORDER BY id")
        return [Quarantined(*values) for values in found]
    finally:
        connection.close()


def quarantine_page(
    path: Path, kind: str | None, k: int, offset: int
) -> tuple[list[Quarantined], dict[str, int]]:
    """List some of the pictures that have no vector, by id, and count all by their types.

    Args:
        path: the version's file.
        kind: of the errors; None: all of them.
        k: how many at most.
        offset: how many to pass over.
    """
    connection = open_immutable(path)
    try:
        found = connection.execute(
            "SELECT id, uri, type, detail FROM quarantine WHERE ?1 IS NULL OR type = ?1 "
            "ORDER BY id LIMIT ?2 OFFSET ?3",
            (kind, k, offset),
        )
        page = [Quarantined(*values) for values in found]
        counted = connection.execute(
            "SELECT type, count(*) FROM quarantine GROUP BY type ORDER BY count(*) DESC, type"
        )
        return page, dict(counted.fetchall())
    finally:
        connection.close()


def find_quarantined(path: Path, name: str) -> Quarantined | None:
    """Find a picture that has no vector by its id."""
    connection = open_immutable(path)
    try:
        found = connection.execute(
            "SELECT id, uri, type, detail FROM quarantine WHERE id = ?", (name,)
        ).fetchone()
        return None if found is None else Quarantined(*found)
    finally:
        connection.close()


def quarantined_among(path: Path, ids: Sequence[str]) -> set[str]:
    """Name those of the ids that are quarantined."""
    connection = open_immutable(path)
    try:
        found = select_in(connection, "SELECT id FROM quarantine WHERE id", ids)
        return {name for (name,) in found}
    finally:
        connection.close()


def _insert(connection: sqlite3.Connection, item: Quarantined) -> None:
    values = msgspec.structs.astuple(item)
    try:
        connection.execute("INSERT INTO quarantine VALUES (?, ?, ?, ?)", values)
    except sqlite3.IntegrityError as error:
        raise DataError(f"the catalogue names the picture {item.id!r} twice") from error
