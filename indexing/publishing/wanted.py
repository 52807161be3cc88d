"""What an index is to hold: rows sorted by id, streamed as often as they are asked for."""

import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

import msgspec

from indexing.difference import Dead, Fresh, differences, merged
from indexing.extraction.ledgers import Ledgers
from lookalike.changes import Standing
from lookalike.index import IndexVersion, PictureRow, Quarantined


class Base(msgspec.Struct, frozen=True):
    """The version being served, opened: what a delta is built beside."""

    version: IndexVersion
    folder: Path


class Wanted(ABC):
    """Rows and quarantine of a version to be made.

    What is compared here in one pass over all rows, a kind of rows may know in less.

    Attributes:
        folded: names of the change records that are taken into account.
        deleted: ids that those say are not to be found.
    """

    folded: frozenset[str]
    deleted: frozenset[str]

    @abstractmethod
    def rows(self) -> Iterator[PictureRow]:
        """Stream the pictures to be found, sorted by id, no id twice."""

    @abstractmethod
    def quarantined(self) -> Iterator[Quarantined]:
        """Stream the pictures that cannot be found, and why; sorted by id."""

    def count(self) -> int:
        """Count the rows."""
        return sum(1 for _ in self.rows())

    def changes(self, base: Base) -> Iterator[Dead | Fresh]:
        """Stream what is another than among the version's base rows; fresh rows by id."""
        return differences(base.version.base(), self.rows())

    def same_rows(self, base: Base) -> bool:
        """Tell whether the version holds exactly these rows."""
        return next(differences(base.version.alive(), self.rows()), None) is None

    def same_quarantine(self, base: Base) -> bool:
        """Tell whether in the version the same pictures are quarantined for the same reasons."""
        return all(a == b for a, b in zip_longest(base.version.quarantine, self.quarantined()))


class LedgerRows(Wanted):
    """What extraction found of a catalogue, with additions laid over it, less deletions.

    Args:
        ledgers: of all parts, their runs finished.
        added: rows sorted by id.
        standing: deletions and additions.
    """

    def __init__(self, ledgers: Ledgers, added: Iterable[PictureRow], standing: Standing) -> None:
        self._ledgers, self._added, self._standing = ledgers, list(added), standing
        self.deleted, self.folded = standing.deleted, standing.names

    def rows(self) -> Iterator[PictureRow]:
        """See :meth:`Wanted.rows`."""
        found = (
            PictureRow(item.id, item.uri, item.label, item.sha256, item.attributes)
            for item in self._ledgers.embedded()
        )
        return changed(found, self._added, self._standing)

    def quarantined(self) -> Iterator[Quarantined]:
        """See :meth:`Wanted.quarantined`."""
        added = {row.id for row in self._added}
        rejected = heapq.merge(
            self._ledgers.quarantined(), self._ledgers.missing(), key=lambda item: item.id
        )
        return (
            Quarantined(item.id, item.uri, item.type, item.detail)
            for item in rejected
            if item.id not in self.deleted and item.id not in added
        )


def changed(
    rows: Iterable[PictureRow], added: Iterable[PictureRow], standing: Standing
) -> Iterator[PictureRow]:
    """Lay additions over rows, and leave out what was deleted.

    An addition that has no vector still takes its id: another picture that had it before,
    and may have been deleted, does not come back in its place.
    """
    others = (row for row in rows if not _superseded(row, standing))
    return (row for row in merged(others, added) if row.id not in standing.deleted)


def _superseded(row: PictureRow, standing: Standing) -> bool:
    addition = standing.added.get(row.id)
    return addition is not None and addition.sha256 != row.sha256.hex()
