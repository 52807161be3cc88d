"""How what is wanted differs from the version being served: little enough for a delta, or not."""

from array import array
from collections.abc import Iterator

import msgspec
import numpy as np

from indexing.difference import Dead, Fresh, differences
from indexing.publishing.wanted import Wanted
from lookalike.index import IndexVersion, PictureRow
from lookalike.index.selection import Bits, bits_of

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
    def tombstones(self) -> Bits | None:
        """Bits of the rows of base and delta, 1 for the dead; None where none is."""
        if not self.dead:
            return None
        return bits_of(np.frombuffer(self.dead, np.int64), self.base + self.fresh)


def compare(base: IndexVersion, wanted: Wanted, most: float) -> Comparison | None:
    """Compare a base's rows with what is wanted; None where their share passes ``most``."""
    found = Comparison(base.details.base_rows)
    for change in differences(base.base(), wanted.rows()):
        if isinstance(change, Dead):
            found.dead.append(change.row)
        else:
            found.fresh += 1
        if found.share > most:
            return None
    return found


def everything_dead(base: IndexVersion) -> Comparison:
    """Compare a base with nothing: an index that was emptied on purpose."""
    return Comparison(base.details.base_rows, 0, array("q", range(base.details.base_rows)))


def fresh_rows(base: IndexVersion, wanted: Wanted) -> Iterator[PictureRow]:
    """Stream the rows of a delta, sorted by id."""
    return (
        change.picture
        for change in differences(base.base(), wanted.rows())
        if isinstance(change, Fresh)
    )


def same_rows(current: IndexVersion, wanted: Wanted) -> bool:
    """Tell whether the current version holds exactly the rows that are wanted."""
    return next(differences(current.alive(), wanted.rows()), None) is None
