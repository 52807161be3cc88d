"""What each row of a version is: ids, places, labels, of all its segments."""

import heapq
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import Protocol

from lookalike.errors import DigestMismatch
from lookalike.index.picture_file import PictureFile
from lookalike.index.picture_row import PictureRow
from lookalike.index.sqlite_pictures import SUFFIX, SqlitePictures

EVERY = slice(None)


class PictureTable(Protocol):
    """The pictures of one segment, as :class:`lookalike.index.picture_file.PictureFile`."""

    count: int

    def row(self, number: int) -> PictureRow: ...  # noqa: D102

    def find(self, ids: Sequence[str]) -> dict[str, int]: ...  # noqa: D102

    def digests(self, wanted: Set[bytes]) -> set[bytes]: ...  # noqa: D102

    def __iter__(self) -> Iterator[PictureRow]: ...

    def close(self) -> None: ...  # noqa: D102


def open_pictures(path: Path) -> PictureTable:
    """Open the pictures of one segment, whichever release wrote them.

    Raises:
        DigestMismatch: the file is damaged.
    """
    return SqlitePictures(path) if path.suffix == SUFFIX else PictureFile(path)


class Pictures:
    """The pictures of all segments of a version, rows numbered through.

    Args:
        paths: of every segment's file.
        counts: how many rows each has.

    Raises:
        DigestMismatch: a file is damaged, or of another number of rows.
    """

    def __init__(self, paths: Sequence[Path], counts: Sequence[int]) -> None:
        self._tables = [open_pictures(path) for path in paths]
        for path, table, count in zip(paths, self._tables, counts, strict=True):
            if table.count != count:
                raise DigestMismatch(f"{path} is of {table.count} rows, its manifest says {count}")
        self._starts = [sum(counts[:number]) for number in range(len(counts))]
        self._paths = paths

    def warm(self) -> None:
        """Have the files read ahead.

        Rows are read where they lie, and a thread that waits for the disk there holds Python's
        lock.
        """
        for path in self._paths:
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)

    def rows(self, numbers: Iterable[int]) -> list[PictureRow]:
        """Give the pictures at these row numbers, in the order asked for."""
        if len(self._tables) == 1:
            return list(map(self._tables[0].row, numbers))
        return [self._row(number) for number in numbers]

    def _row(self, number: int) -> PictureRow:
        table = bisect_right(self._starts, number) - 1
        return self._tables[table].row(number - self._starts[table])

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
