"""What an index is to hold: rows sorted by id, streamed as often as they are asked for."""

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from indexing.difference import merged
from indexing.extraction.ledgers import Ledgers
from lookalike.changes import Standing
from lookalike.index import IndexVersion, PictureRow, Quarantined, read_quarantine


class Wanted(Protocol):
    """Rows and quarantine of a version to be made.

    Attributes:
        folded: names of the change records that are taken into account.
        deleted: ids that those say are not to be found.
    """

    folded: frozenset[str]
    deleted: frozenset[str]

    def rows(self) -> Iterator[PictureRow]:
        """Stream the pictures to be found, sorted by id, no id twice."""
        ...

    def quarantined(self) -> Iterator[Quarantined]:
        """Stream the pictures that cannot be found, and why."""
        ...


class LedgerRows:
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
        return _changed(found, self._added, self._standing)

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


class VersionRows:
    """What a version holds, with additions laid over it and less what was deleted.

    Args:
        version: opened.
        folder: its files.
        added: rows sorted by id.
        standing: deletions and additions.
    """

    def __init__(
        self, version: IndexVersion, folder: Path, added: Iterable[PictureRow], standing: Standing
    ) -> None:
        self._version, self._folder = version, folder
        self._added, self._standing = list(added), standing
        self.deleted, self.folded = standing.deleted, standing.names

    def rows(self) -> Iterator[PictureRow]:
        """See :meth:`Wanted.rows`."""
        held = (picture for _, picture in self._version.alive())
        return _changed(held, self._added, self._standing)

    def quarantined(self) -> Iterator[Quarantined]:
        """See :meth:`Wanted.quarantined`."""
        name = self._version.details.quarantine
        held = read_quarantine(self._folder / name) if name is not None else []
        added = {row.id for row in self._added}
        return (item for item in held if item.id not in self.deleted and item.id not in added)


def _changed(
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
