"""The attributes and labels of all segments of a version, and which rows a filter matches."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from lookalike.errors import InvalidFilter
from lookalike.index.columns import AttributeFile, Column, Mask, StoredColumn
from lookalike.index.details import Shard
from lookalike.index.filtering import matcher
from lookalike.index.filters import Filter
from lookalike.index.selection import Bits, no_rows

LABEL = "label"
# Rows that are looked at together: their numbers are 2 MB, which stay in a core's cache.
BLOCK_ROWS = 1 << 18
# So many attributes are named to whoever asks for another.
MOST_NAMED = 30
EMPTY = Column(memoryview(b""), StoredColumn(name=None))


class Attributes:
    """The opened attribute files of a version; safe to share between threads.

    Args:
        paths: of every segment's file, in the order of their rows.
        counts: how many rows each has.

    Attributes:
        names: the attributes there are, sorted; ``label`` among them.
        rows: how many each segment has.

    Raises:
        DigestMismatch: a file is damaged, or not of so many rows.
    """

    def __init__(self, paths: Sequence[Path], counts: Sequence[int]) -> None:
        self._files = [AttributeFile(*pair) for pair in zip(paths, counts, strict=True)]
        self.rows, self._size = list(counts), sum(counts)
        self._named = {name for file in self._files for name in file.columns if name is not None}
        self.names = sorted({*self._named, LABEL})

    def columns(self, name: str) -> list[Column]:
        """Give an attribute's column in each segment, an empty one where no row has it.

        Raises:
            InvalidFilter: no picture has it.
        """
        return [self._column(file, name) for file in self._files]

    @property
    def has_label_attribute(self) -> bool:
        """Whether ``label`` is an attribute here, and does not mean the label."""
        return LABEL in self._named

    def matching(self, wanted: Filter, elsewhere: Collection[str] = ()) -> Bits:
        """Give the bits of all rows, 1 for those that a filter matches, dead or alive.

        Args:
            wanted: the filter.
            elsewhere: attributes that other pictures have, so that it may name them.

        Raises:
            InvalidFilter: it names an attribute that no picture has.
        """
        return packed(self._masks(wanted, elsewhere), self._size)

    def _masks(self, wanted: Filter, elsewhere: Collection[str]) -> Iterator[Mask]:
        for file in self._files:

            def column(name: str, file: AttributeFile = file) -> Column:
                unknown = name in elsewhere and name not in (*self._named, LABEL)
                return EMPTY if unknown else self._column(file, name)

            test = matcher(wanted, column)
            for first in range(0, file.rows, BLOCK_ROWS):
                yield test(slice(first, min(first + BLOCK_ROWS, file.rows)))

    def _column(self, file: AttributeFile, name: str) -> Column:
        if name in self._named:
            return file.columns.get(name, EMPTY)
        if name == LABEL:
            return file.columns.get(None, EMPTY)
        known = ", ".join(map(repr, self.names[:MOST_NAMED]))
        more = ", …" if len(self.names) > MOST_NAMED else ""
        raise InvalidFilter(f"no picture has the attribute {name!r}; there are {known}{more}")


def open_attributes(folders: Sequence[Path], segments: Sequence[Shard]) -> Attributes | None:
    """Open the attributes of segments, each in its folder; None where one has none.

    Raises:
        DigestMismatch: a file is damaged, or not of as many rows as its segment.
    """
    paths = [
        folder / segment.attributes
        for folder, segment in zip(folders, segments, strict=True)
        if segment.attributes is not None
    ]
    if len(paths) < len(segments):
        return None
    return Attributes(paths, [segment.vectors for segment in segments])


def packed(masks: Iterable[Mask], size: int) -> Bits:
    """Pack masks that follow each other, of any lengths, into the bits of ``size`` rows."""
    bits, row = no_rows(size), 0
    for mask in masks:
        first, into = divmod(row, 8)
        # Rows of an earlier mask in the same byte are 0 here.
        own = np.packbits(np.concatenate([np.zeros(into, np.bool_), mask]), bitorder="little")
        bits[first : first + len(own)] |= own
        row += len(mask)
    return bits
