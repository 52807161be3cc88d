"""The pictures of one segment as they were written until November 2026: an SQLite file."""

import sqlite3
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lookalike.errors import DigestMismatch
from lookalike.index.picture_row import PictureRow
from lookalike.index.sqlite_file import open_immutable, select_in

SUFFIX = ".sqlite"
COLUMNS = "id, uri, label, sha256, attributes"


class SqlitePictures:
    """Reads them, so that versions of then are still served; as ``picture_file.PictureFile``."""

    def __init__(self, path: Path) -> None:
        self._path, self._connection = path, open_immutable(path)
        with self._damage_told():
            [(last,)] = self._connection.execute("SELECT max(row) FROM pictures")
        self.count = 0 if last is None else int(last) + 1

    def row(self, number: int) -> PictureRow:
        """Read the picture at a row position."""
        statement = f"SELECT {COLUMNS} FROM pictures WHERE row = ?"  # noqa: S608
        with self._damage_told():
            [values] = self._connection.execute(statement, (number,))
            return _row(values)

    def find(self, ids: Sequence[str]) -> dict[str, int]:
        """Give the row positions of those of the ids that are here."""
        statement = "SELECT id, row FROM pictures WHERE id"
        with self._damage_told():
            return dict(select_in(self._connection, statement, ids))

    def digests(self, wanted: Set[bytes]) -> set[bytes]:
        """Give those of some SHA-256 that a row here has: all rows are read through."""
        with self._damage_told():
            rows = self._connection.execute("SELECT sha256 FROM pictures")
            return {digest for (digest,) in rows if digest in wanted}

    def __iter__(self) -> Iterator[PictureRow]:
        """Stream all rows, in order."""
        statement = f"SELECT {COLUMNS} FROM pictures ORDER BY row"  # noqa: S608
        with self._damage_told():
            yield from map(_row, self._connection.execute(statement))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            said = f"{self._path} is no file of a segment's pictures: {error}"
            raise DigestMismatch(said) from error


def _row(values: Sequence[object]) -> PictureRow:
    name, uri, label, sha256, attributes = values
    decoded = msgspec.json.decode(attributes) if attributes else {}  # type: ignore[call-overload]
    return PictureRow(name, uri, label, sha256, decoded)  # type: ignore[arg-type]
