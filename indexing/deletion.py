"""``lookalike delete``: pictures are gone from every answer within seconds, and stay gone."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from indexing.stored_rows import StoredRows, opened_rows, stored_rows
from lookalike.catalogue.picture import checked_id
from lookalike.catalogue.remote import failures
from lookalike.changes import Deletion, open_changes
from lookalike.errors import StoreError
from lookalike.settings import Settings
from lookalike.store import Collection, open_indexes


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Proof of a deletion.

    Attributes:
        record: name of the record in the store; durable before this was given.
        at: when, UTC.
        found_in: versions that have a picture of that id, by id; none where none has.
        holds_for: all versions that there are: a rollback to one of them brings nothing back.
        not_read: those of them that could not be looked into.
        until: what ends it.
    """

    record: str
    at: str
    found_in: dict[str, list[str]]
    holds_for: list[str]
    not_read: list[str] = []
    until: str = "the picture is added again (lookalike add)"


def delete(ids: Sequence[str], settings: Settings) -> Receipt:
    """Record the deletion of pictures; every replica leaves them out within two seconds.

    An id that no version has is recorded too: the catalogue may come to have it.

    Raises:
        VersionNotFound: there is no version of the index, so that this may be another store.
        DataError: an id is none that a picture can have.
    """
    for name in ids:
        checked_id(name, "the picture to delete")
    indexes = open_indexes(settings.store, settings.index)
    versions = indexes.versions() or [indexes.latest()]  # which says that there is none
    record = open_changes(settings.store, settings.index).append(Deletion(list(ids)))
    # Looked up afterwards: nothing may delay the deletion itself.
    lookup = _Lookup(indexes, ids, settings.scratch)
    found: dict[str, list[str]] = {name: [] for name in ids}
    unseen = []
    for version in versions:
        try:
            for name in lookup.ids_in(version):
                found[name].append(version)
        except _unread():
            unseen.append(version)  # pruned meanwhile, or damaged: the deletion holds all the same
    return Receipt(
        record=record.name, at=record.at, found_in=found, holds_for=versions, not_read=unseen
    )


def _unread() -> tuple[type[Exception], ...]:
    return (StoreError, *failures())


class _Lookup:
    """Looks ids up in the rows of versions: once in those that several of them share."""

    def __init__(self, indexes: Collection, ids: Sequence[str], scratch: Path) -> None:
        self._indexes, self._ids, self._scratch = indexes, ids, scratch
        self._found: dict[str, set[str]] = {}

    def ids_in(self, version: str) -> set[str]:
        """Name those of the ids that a version has rows of; errors as of :func:`opened_rows`."""
        return {name for rows in stored_rows(self._indexes, version) for name in self._in(rows)}

    def _in(self, rows: StoredRows) -> set[str]:
        if rows.place not in self._found:
            with opened_rows(self._indexes, rows, self._scratch) as table:
                self._found[rows.place] = set(table.find(self._ids))
        return self._found[rows.place]
