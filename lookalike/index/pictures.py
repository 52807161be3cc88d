"""What each row of a segment is: ids, places, labels, in an SQLite file that is never changed."""

import heapq
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path

import msgspec

from lookalike.catalogue import Attribute
from lookalike.errors import DataError, DigestMismatch
from lookalike.index.recent import Recent
from lookalike.index.sqlite_file import AS_A_DRAFT, open_immutable, select_in

SCHEMA = """
CREATE TABLE pictures (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, uri TEXT NOT NULL, label TEXT, sha256 BLOB,
    attributes TEXT
);
"""
COLUMNS = "id, uri, label, sha256, attributes"
INSERTED_TOGETHER = 1000
EVERY = slice(None)
# Rows of a version that a process keeps at hand, twice as many at most: about a kilobyte each.
RECENT_ROWS = 8192


class PictureRow(msgspec.Struct, frozen=True, gc=False):
    """One picture of an index."""

    id: str
    uri: str
    label: str | None
    sha256: bytes
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)


class PictureWriter:
    """Writes one segment's pictures, in the order of its vectors; rows stream through.

    To be used in a ``with`` statement, at whose end the file is complete.

    Raises:
        DataError: two rows have one id; told with one of the next rows, or at the end.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.executescript(AS_A_DRAFT + SCHEMA)
        self._waiting: list[tuple[object, ...]] = []
        self.rows = 0

    def add(self, picture: PictureRow) -> None:
        """Add the next row."""
        attributes = msgspec.json.encode(picture.attributes).decode() if picture.attributes else ""
        self._waiting.append(
            (self.rows, picture.id, picture.uri, picture.label, picture.sha256, attributes)
        )
        self.rows += 1
        if len(self._waiting) == INSERTED_TOGETHER:
            self._insert()

    def _insert(self) -> None:
        """Insert the rows that wait: together, since a statement for each takes much longer."""
        try:
            self._connection.executemany(
                "INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?)", self._waiting
            )
        except sqlite3.IntegrityError as error:
            raise DataError(f"the catalogue names the picture {self._twice()!r} twice") from error
        self._waiting.clear()

    def _twice(self) -> object:
        """Find the first id among the rows that wait which an earlier row has."""
        first, ids = self._waiting[0][0], [values[1] for values in self._waiting]
        # Some of those that wait may be there by now.
        statement = f"SELECT id FROM pictures WHERE row < {first} AND id"  # noqa: S608
        earlier = {name for (name,) in select_in(self._connection, statement, ids)}
        return next(
            name for place, name in enumerate(ids) if name in earlier or name in ids[:place]
        )

    def __enter__(self) -> "PictureWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._insert()
                self._connection.commit()
        finally:
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

    @property
    def end(self) -> int:
        """The number after the last row's; found without reading the others."""
        [(last,)] = self._connection.execute("SELECT max(row) FROM pictures")
        return 0 if last is None else int(last) + 1

    def rows(self, numbers: Sequence[int]) -> list[PictureRow]:
        """Read the pictures at these row positions, in the order asked for."""
        statement = f"SELECT row, {COLUMNS} FROM pictures WHERE row"  # noqa: S608
        found = {
            number: _row(values)
            for number, *values in select_in(self._connection, statement, numbers)
        }
        return [found[number] for number in numbers]

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


class Pictures:
    """The pictures of all segments of a version, rows numbered through.

    Args:
        paths: of every segment's file.
        counts: how many rows each has.

    Raises:
        DigestMismatch: a file is of another number of rows.
    """

    def __init__(self, paths: Sequence[Path], counts: Sequence[int]) -> None:
        self._recent: Recent[int, PictureRow] = Recent(RECENT_ROWS)
        self._tables = [PictureTable(path) for path in paths]
        for path, table, count in zip(paths, self._tables, counts, strict=True):
            if table.end != count:
                raise DigestMismatch(f"{path} is of {table.end} rows, its manifest says {count}")
        self._starts = [sum(counts[:number]) for number in range(len(counts))]

    def rows(self, numbers: Sequence[int]) -> list[PictureRow]:
        """Give the pictures at these row numbers, in the order asked for."""
        kept = self._recent.get_all(numbers)
        missing = {number for number, row in zip(numbers, kept, strict=True) if row is None}
        read = dict(self._read(missing)) if missing else {}
        for number, row in read.items():
            self._recent.put(number, row)
        return [
            read[number] if row is None else row for number, row in zip(numbers, kept, strict=True)
        ]

    def _read(self, numbers: Iterable[int]) -> Iterator[tuple[int, PictureRow]]:
        by_table: dict[int, list[int]] = {}
        for number in numbers:
            by_table.setdefault(bisect_right(self._starts, number) - 1, []).append(number)
        for table, wanted in by_table.items():
            own = [number - self._starts[table] for number in wanted]
            yield from zip(wanted, self._tables[table].rows(own), strict=True)

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


def _row(values: Sequence[object]) -> PictureRow:
    name, uri, label, sha256, attributes = values
    decoded = msgspec.json.decode(attributes) if attributes else {}  # type: ignore[call-overload]
    return PictureRow(name, uri, label, sha256, decoded)  # type: ignore[arg-type]
