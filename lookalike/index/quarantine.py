"""The pictures of a version's catalogue that have no vector, and why: an SQLite file of its own."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from lookalike.errors import DataError
from lookalike.index.sqlite_file import AS_A_DRAFT, open_immutable, select_in

SCHEMA = """
CREATE TABLE quarantine (
    id TEXT PRIMARY KEY, uri TEXT NOT NULL, type TEXT NOT NULL, detail TEXT
) WITHOUT ROWID;
"""

COLUMNS = "id, uri, type, detail"


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


class QuarantineTable:
    """Reads what a version has no vector of; safe to share between threads.

    The file is held open, since whoever swaps first removes a version's copy for all workers.

    Args:
        path: the version's file; None: it has none, and nothing is quarantined.
    """

    def __init__(self, path: Path | None) -> None:
        self._connection = _empty() if path is None else open_immutable(path)

    def __iter__(self) -> Iterator[Quarantined]:
        """Stream all of them, by id."""
        found = self._connection.execute(f"SELECT {COLUMNS} FROM quarantine ORDER BY id")  # noqa: S608
        return (Quarantined(*values) for values in found)

    def page(
        self, kind: str | None, k: int, offset: int
    ) -> tuple[list[Quarantined], dict[str, int]]:
        """List some of the pictures, by id, and count all by their types, the most first.

        Args:
            kind: of the errors; None: all of them.
            k: how many at most.
            offset: how many to pass over.
        """
        found = self._connection.execute(
            f"SELECT {COLUMNS} FROM quarantine WHERE ?1 IS NULL OR type = ?1 "  # noqa: S608
            "ORDER BY id LIMIT ?2 OFFSET ?3",
            (kind, k, offset),
        )
        page = [Quarantined(*values) for values in found]
        counted = self._connection.execute(
            "SELECT type, count(*) FROM quarantine GROUP BY type ORDER BY count(*) DESC, type"
        )
        return page, dict(counted.fetchall())

    def find(self, name: str) -> Quarantined | None:
        """Find a picture by its id."""
        found = self._connection.execute(
            f"SELECT {COLUMNS} FROM quarantine WHERE id = ?",  # noqa: S608
            (name,),
        ).fetchone()
        return None if found is None else Quarantined(*found)

    def among(self, ids: Sequence[str]) -> set[str]:
        """Name those of the ids that are quarantined."""
        statement = "SELECT id FROM quarantine WHERE id"
        return {name for (name,) in select_in(self._connection, statement, ids)}

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.executescript(SCHEMA)
    return connection


def _insert(connection: sqlite3.Connection, item: Quarantined) -> None:
    values = msgspec.structs.astuple(item)
    try:
        connection.execute("INSERT INTO quarantine VALUES (?, ?, ?, ?)", values)
    except sqlite3.IntegrityError as error:
        raise DataError(f"the catalogue names the picture {item.id!r} twice") from error
