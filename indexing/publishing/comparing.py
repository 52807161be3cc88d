"""How what is wanted differs from the version being served: little enough for a delta, or not."""

from array import array
from collections.abc import Iterator

import msgspec
import numpy as np

from indexing.difference import Dead, Fresh
from indexing.publishing.wanted import Base, Wanted
from lookalike.index import Bits, IndexDetails, PictureRow, bits_of

# Past this share of the base, tombstones and delta are compacted into a new base.
COMPACT_SHARE = 0.1


class Comparison(msgspec.Struct):
    """The base of the current version against what is wanted.

    Attributes:
        base: rows of the base.
        fresh: rows that a delta would have.
        dead: rows of the base that would be dead.
    """

    base: int
    fresh: int = 0
    dead: "array[int]" = msgspec.field(default_factory=lambda: array("q"))

    @property
    def share(self) -> float:
        """How large tombstones and delta would be, as a share of the base."""
        return (self.fresh + len(self.dead)) / self.base

    @property
    def alive(self) -> int:
        """How many rows of base and delta are left."""
        return self.base - len(self.dead) + self.fresh

    @property
    def tombstones(self) -> Bits | None:
        """Bits of the rows of base and delta, 1 for the dead; None where none is."""
        if not self.dead:
            return None
        return bits_of(np.frombuffer(self.dead, np.int64), self.base + self.fresh)


def compare(base: Base, wanted: Wanted, most: float) -> Comparison | None:
    """Compare a base's rows with what is wanted; None where their share passes ``most``."""
    found = Comparison(base.version.details.base_rows)
    for change in wanted.changes(base):
        if isinstance(change, Dead):
            found.dead.append(change.row)
        else:
            found.fresh += 1
        if found.share > most:
            return None
    return found


def everything_dead(held: IndexDetails) -> Comparison:
    """Compare a base with nothing: an index that was emptied on purpose."""
    return Comparison(held.base_rows, 0, array("q", range(held.base_rows)))


def fresh_rows(base: Base, wanted: Wanted) -> Iterator[PictureRow]:
    """Stream the rows of a delta, sorted by id."""
    return (change.picture for change in wanted.changes(base) if isinstance(change, Fresh))
