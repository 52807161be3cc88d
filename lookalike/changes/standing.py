"""What holds once all records are applied in turn: pure, without the store."""

from collections.abc import Iterable

import msgspec

from lookalike.changes.record import Addition, Deletion, Record


class Standing(msgspec.Struct, frozen=True):
    """The last word on each picture that anything was asked about.

    Attributes:
        deleted: ids that must not be found, whatever the catalogue says.
        added: additions by id, to be found whatever the catalogue says.
        names: of all records that this is made of.
    """

    deleted: frozenset[str]
    added: dict[str, Addition]
    names: frozenset[str]


def standing(records: Iterable[Record]) -> Standing:
    """Apply records in the order of their names; of two about one id the later holds."""
    deleted: set[str] = set()
    added: dict[str, Addition] = {}
    names = set()
    for record in sorted(records, key=lambda record: record.name):
        names.add(record.name)
        if isinstance(record.change, Deletion):
            deleted.update(record.change.ids)
            for picture in record.change.ids:
                added.pop(picture, None)
        else:
            for addition in record.change.pictures:
                deleted.discard(addition.id)
                added[addition.id] = addition
    return Standing(frozenset(deleted), added, frozenset(names))
