"""What each row of a segment is: ids, places, labels, in an SQLite file that is never changed."""

import heapq
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from lookalike.catalogue import Attribute
from lookalike.errors import DataError

SCHEMA = """
CREATE TABLE pictures (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, uri TEXT NOT NULL, label TEXT, sha256 BLOB,
    attributes TEXT
);
"""
# A draft that is torn is thrown away, so it needs no journal and waits for no disk.
AS_A_DRAFT = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
COLUMNS = "id, uri, label, sha256, attributes"
# As many as an SQLite statement of any build takes.
MOST_PARAMETERS = 900
EVERY = slice(None)


class PictureRow(msgspec.Struct, frozen=True):
    """One picture of an index."""

    id: str
    uri: str
    label: str | None
    sha256: bytes
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)


class PictureWriter:
    """Writes one segment's pictures, in the order of its vectors; rows stream through.

    To be used in a ``with`` statement, at whose end the file is complete.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.executescript(AS_A_DRAFT + SCHEMA)
        self.rows = 0

    def add(self, picture: PictureRow) -> None:
        """Add the next row.

        Raises:
            DataError: an earlier row has its id.
        """
        attributes = msgspec.json.encode(picture.attributes).decode() if picture.attributes else ""
        values = (self.rows, picture.id, picture.uri, picture.label, picture.sha256, attributes)
        try:
            self._connection.execute("INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?)", values)
        except sqlite3.IntegrityError as error:
            raise DataError(f"the catalogue names the picture {picture.id!r} twice") from error
        self.rows += 1

    def __enter__(self) -> "PictureWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._connection.commit()
        self._connection.close()


def write_pictures(path: Path, rows: Iterable[PictureRow]) -> int:
    """Write the rows of one segment, streaming; give how many there are.

    Raises:
        DataError: two pictures have one id.
    """
    with PictureWriter(path) as writer:
        for row in rows:
            writer.add(row)
    return writer.rows


class PictureTable:
    """Reads the pictures of one segment; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._connection = open_immutable(path)

    def rows(self, numbers: Sequence[int]) -> list[PictureRow]:
        """Read the pictures at these row positions, in the order asked for."""
        found = dict(self._chosen("row", numbers, f"row, {COLUMNS}"))
        return [found[number] for number in numbers]

    def find(self, ids: Sequence[str]) -> dict[str, int]:
        """Give the row positions of those of the ids that are here."""
        return {
            name: row
            for chunk in _chunks(ids)
            for name, row in self._connection.execute(
                f"SELECT id, row FROM pictures WHERE id IN ({_marks(chunk)})",  # noqa: S608
                chunk,
            )
        }

    def __iter__(self) -> Iterator[PictureRow]:
        """Stream all rows, in order."""
        cursor = self._connection.execute(f"SELECT {COLUMNS} FROM pictures ORDER BY row")  # noqa: S608
        return (_row(values) for values in cursor)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _chosen(
        self, column: str, values: Sequence[int], columns: str
    ) -> Iterator[tuple[int, PictureRow]]:
        for chunk in _chunks(values):
            statement = f"SELECT {columns} FROM pictures WHERE {column} IN ({_marks(chunk)})"  # noqa: S608
            for key, *found in self._connection.execute(statement, chunk):
                yield key, _row(found)


class Pictures:
    """The pictures of all segments of a version, rows numbered through."""

    def __init__(self, paths: Sequence[Path], counts: Sequence[int]) -> None:
        self._tables = [PictureTable(path) for path in paths]
        self._starts = [sum(counts[:number]) for number in range(len(counts))]

    def rows(self, numbers: Sequence[int]) -> list[PictureRow]:
        """Read the pictures at these row numbers, in the order asked for."""
        if len(self._tables) == 1:
            return self._tables[0].rows(numbers)
        by_table: dict[int, list[int]] = {}
        for number in numbers:
            by_table.setdefault(bisect_right(self._starts, number) - 1, []).append(number)
        found: dict[int, PictureRow] = {}
        for table, wanted in by_table.items():
            own = [number - self._starts[table] for number in wanted]
            found.update(zip(wanted, self._tables[table].rows(own), strict=True))
        return [found[number] for number in numbers]

    def find(self, ids: Sequence[str]) -> dict[str, list[int]]:
        """Give the rows of those of the ids that are here, dead ones too, oldest first."""
        found: dict[str, list[int]] = {}
        for start, table in zip(self._starts, self._tables, strict=True):
            for name, row in table.find(ids).items():
                found.setdefault(name, []).append(start + row)
        return found

    def by_id(self, segments: slice = EVERY) -> Iterator[tuple[int, PictureRow]]:
        """Stream rows with their numbers, dead ones too, by id; segments keep theirs sorted."""
        chosen = zip(self._starts[segments], self._tables[segments], strict=True)
        streams = [enumerate(table, start) for start, table in chosen]
        return heapq.merge(*streams, key=lambda item: item[1].id)

    def close(self) -> None:
        """Close the files."""
        for table in self._tables:
            table.close()


def open_immutable(path: Path) -> sqlite3.Connection:
    """Open a file that never changes: it needs no locks and no journal."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, check_same_thread=False)


def _row(values: Sequence[object]) -> PictureRow:
    name, uri, label, sha256, attributes = values
    decoded = msgspec.json.decode(attributes) if attributes else {}  # type: ignore[call-overload]
    return PictureRow(name, uri, label, sha256, decoded)  # type: ignore[arg-type]


def _chunks(values: Sequence[object]) -> Iterator[Sequence[object]]:
    return (
        values[first : first + MOST_PARAMETERS] for first in range(0, len(values), MOST_PARAMETERS)
    )


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
