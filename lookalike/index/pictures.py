"""What each row of an index is: ids, places, labels, in an SQLite file that is never changed."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from lookalike.errors import DataError

FILE_NAME = "pictures.sqlite"

SCHEMA = """
CREATE TABLE pictures (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, uri TEXT NOT NULL, label TEXT, sha256 BLOB
);
CREATE TABLE quarantine (id TEXT PRIMARY KEY, uri TEXT NOT NULL, type TEXT NOT NULL, detail TEXT);
"""


class PictureRow(msgspec.Struct, frozen=True):
    """One picture of an index."""

    id: str
    uri: str
    label: str | None
    sha256: bytes


class Quarantined(msgspec.Struct, frozen=True):
    """One picture of the catalogue that has no vector, and why."""

    id: str
    uri: str
    type: str
    detail: str


def write_pictures(
    path: Path, rows: Iterable[PictureRow], quarantine: Iterable[Quarantined]
) -> None:
    """Write the rows, in the order of the vectors, and the quarantine.

    Raises:
        DataError: two pictures have one id.
    """
    connection = sqlite3.connect(path)
    try:
        connection.executescript(SCHEMA)
        connection.executemany(
            "INSERT INTO pictures VALUES (?, ?, ?, ?, ?)",
            ((row, *msgspec.structs.astuple(picture)) for row, picture in enumerate(rows)),
        )
        connection.executemany(
            "INSERT INTO quarantine VALUES (?, ?, ?, ?)",
            (msgspec.structs.astuple(item) for item in quarantine),
        )
        connection.commit()
    except sqlite3.IntegrityError as error:
        raise DataError(f"the catalogue names a picture twice: {error}") from error
    finally:
        connection.close()


class PictureTable:
    """Reads the rows of an opened version; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        # immutable: no locks and no journal, since a published file never changes.
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)

    def rows(self, numbers: Sequence[int]) -> list[PictureRow]:
        """Read the pictures at these row positions, in the order asked for."""
        marks = ",".join("?" * len(numbers))
        found = self._connection.execute(
            f"SELECT row, id, uri, label, sha256 FROM pictures WHERE row IN ({marks})",  # noqa: S608
            numbers,
        )
        by_row = {row: PictureRow(*values) for row, *values in found}
        return [by_row[number] for number in numbers]

    def quarantine(self) -> list[Quarantined]:
        """List the pictures that have no vector, by id."""
        found = self._connection.execute("SELECT id, uri, type, detail FROM quarantine ORDER BY id")
        return [Quarantined(*values) for values in found]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
