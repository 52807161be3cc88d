"""The pictures of one segment as they were written until November 2026: an SQLite file."""

from collections.abc import Iterator, Sequence, Set
from pathlib import Path

import msgspec

from lookalike.index.picture_row import PictureRow
from lookalike.index.sqlite_file import open_immutable, select_in

SUFFIX = ".sqlite"
COLUMNS = "id, uri, label, sha256, attributes"


class SqlitePictures:
    """Reads them, so that versions of then are still served; as ``picture_file.PictureFile``."""

    def __init__(self, path: Path) -> None:
        self._connection = open_immutable(path)
        [(last,)] = self._connection.execute("SELECT max(row) FROM pictures")
        self.count = 0 if last is None else int(last) + 1

    def row(self, number: int) -> PictureRow:
        """Read the picture at a row position."""
        statement = f"SELECT {COLUMNS} FROM pictures WHERE row = ?"  # noqa: S608
        [values] = self._connection.execute(statement, (number,))
        return _row(values)

    def find(self, ids: Sequence[str]) -> dict[str, int]:
        """Give the row positions of those of the ids that are here."""
        return dict(select_in(self._connection, "SELECT id, row FROM pictures WHERE id", ids))

    def digests(self, wanted: Set[bytes]) -> set[bytes]:
        """Give those of some SHA-256 that a row here has: all rows are read through."""
        rows = self._connection.execute("SELECT sha256 FROM pictures")
        return {digest for (digest,) in rows if digest in wanted}

    def __iter__(self) -> Iterator[PictureRow]:
        """Stream all rows, in order."""
        cursor = self._connection.execute(f"SELECT {COLUMNS} FROM pictures ORDER BY row")  # noqa: S608
        return (_row(values) for values in cursor)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _row(values: Sequence[object]) -> PictureRow:
    name, uri, label, sha256, attributes = values
    decoded = msgspec.json.decode(attributes) if attributes else {}  # type: ignore[call-overload]
    return PictureRow(name, uri, label, sha256, decoded)  # type: ignore[arg-type]
