"""Deletions that a version does not know of, laid over its rows."""

import threading
from collections.abc import Iterable

from lookalike.changes import Record, deleted_since
from lookalike.index.faiss_index import FaissIndex
from lookalike.index.pictures import Pictures
from lookalike.index.selection import Bits, Selection, bits_of, complement


class DeletedRows:
    """Rows of a version that must not be answered any more; safe to share between threads.

    Args:
        pictures: of the version.
        vectors: of the version.
        folded: names of the change records that the version was built with.

    Attributes:
        selection: what may be answered; None while nothing was deleted.
    """

    def __init__(self, pictures: Pictures, vectors: FaissIndex, folded: frozenset[str]) -> None:
        self._pictures, self._vectors, self._applied = pictures, vectors, folded
        self._dead: Bits = bits_of([], vectors.size)
        self._applying = threading.Lock()
        self.selection: Selection | None = None

    def holds(self, row: int) -> bool:
        """Tell whether a row may be answered."""
        chosen = self.selection
        return self._vectors.is_alive(row) if chosen is None else chosen.holds(row)

    def apply(self, records: Iterable[Record]) -> None:
        """Take the pictures of new deletions out of every later search."""
        with self._applying:
            new = [record for record in records if record.name not in self._applied]
            if not new:
                return
            ids = deleted_since(new, self._applied)
            found = self._pictures.find(sorted(ids)).values()
            rows = [row for of_one in found for row in of_one]
            if rows:
                self._dead = self._dead | bits_of(rows, self._vectors.size)
                alive = complement(self._dead, self._vectors.size)
                # One assignment: a search has begun with the old selection, or the new one.
                self.selection = self._vectors.select(alive)
            self._applied = self._applied | {record.name for record in new}
