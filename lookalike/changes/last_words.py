"""The last word on each picture, kept up to date record by record: pure, without the store."""

import msgspec

from lookalike.changes.record import Addition, Deletion, Record


class Added(msgspec.Struct, frozen=True):
    """An addition, and the name of the record that asked for it."""

    record: str
    addition: Addition


class LastWords:
    """What :func:`standing` says, for records that come one after the other, in any order.

    Two programs that write at once may finish in another order than their records' names
    are in; the names count.
    """

    def __init__(self) -> None:
        self._deleted: dict[str, str] = {}
        self._added: dict[str, Added] = {}

    def take(self, record: Record) -> set[str]:
        """Take a record in; give the ids that it is about."""
        if isinstance(record.change, Deletion):
            for name in record.change.ids:
                self._deleted[name] = max(record.name, self._deleted.get(name, ""))
            return set(record.change.ids)
        for addition in record.change.pictures:
            earlier = self._added.get(addition.id)
            if earlier is None or earlier.record <= record.name:
                self._added[addition.id] = Added(record.name, addition)
        return {addition.id for addition in record.change.pictures}

    def deleted_after(self, name: str, record: str) -> bool:
        """Tell whether a picture was deleted by a later record than this one."""
        return self._deleted.get(name, "") > record

    def added(self, name: str) -> Added | None:
        """Give the addition of a picture that holds; None where there is none, or no more."""
        last = self._added.get(name)
        return None if last is None or self.deleted_after(name, last.record) else last
