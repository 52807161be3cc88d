"""The served version with recorded changes: what of it is another is looked up by id.

Only ids that records name can differ, so that an addition to millions of pictures reads
the rows of those ids and of the delta, and no others.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property

import msgspec

from indexing.difference import Dead, Fresh, merged, same_row
from indexing.publishing.wanted import Base, Wanted, changed
from lookalike.changes import Standing
from lookalike.index import PictureRow, Quarantined


class NamedRow(msgspec.Struct, frozen=True):
    """The rows of one id that records name.

    Attributes:
        number: of the base's row, dead or alive; None where it has none.
        base: that row.
        held: the row that the version answers with, or None.
        wanted: the row that it is to answer with, or None.
    """

    number: int | None
    base: PictureRow | None
    held: PictureRow | None
    wanted: PictureRow | None


class VersionRows(Wanted):
    """What a version holds, with additions laid over it and less what was deleted.

    Args:
        base: the version, which it is compared with.
        added: rows sorted by id.
        standing: deletions and additions.
    """

    def __init__(self, base: Base, added: Iterable[PictureRow], standing: Standing) -> None:
        self._base, self._version = base, base.version
        self._added = {row.id: row for row in added}
        self._standing = standing
        self.deleted, self.folded = standing.deleted, standing.names

    def rows(self) -> Iterator[PictureRow]:
        """See :meth:`Wanted.rows`."""
        held = (picture for _, picture in self._version.alive())
        return changed(held, self._added.values(), self._standing)

    def quarantined(self) -> Iterator[Quarantined]:
        """See :meth:`Wanted.quarantined`."""
        held = self._version.quarantine
        return (item for item in held if item.id not in self.deleted and item.id not in self._added)

    def count(self) -> int:
        """See :meth:`Wanted.count`."""
        gained = sum(row.wanted is not None for row in self._named.values())
        lost = sum(row.held is not None for row in self._named.values())
        return self._version.details.pictures + gained - lost

    def changes(self, base: Base) -> Iterator[Dead | Fresh]:
        """See :meth:`Wanted.changes`.

        What no record names is as the version has it: dead where that has a tombstone,
        fresh where it is in the delta.
        """
        self._check_own(base)
        yield from map(Dead, self._dead())
        delta = (row for _, row in self._version.delta() if row.id not in self._named)
        yield from map(Fresh, merged(delta, self._fresh()))

    def same_rows(self, base: Base) -> bool:
        """See :meth:`Wanted.same_rows`."""
        self._check_own(base)
        return all(same_row(row.held, row.wanted) for row in self._named.values())

    def same_quarantine(self, base: Base) -> bool:
        """See :meth:`Wanted.same_quarantine`."""
        self._check_own(base)
        return not self._version.quarantine.among(sorted(self.deleted | self._added.keys()))

    def _dead(self) -> Iterator[int]:
        """Number the rows of the base that are not wanted as they are."""
        named = {row.number for row in self._named.values()}
        # A delta has no tombstones: it is written anew with every version.
        dead = self._version.vectors.dead_rows().tolist()
        yield from (number for number in dead if number not in named)
        for row in self._named.values():
            if row.number is not None and not same_row(row.base, row.wanted):
                yield row.number

    def _fresh(self) -> Iterator[PictureRow]:
        """Give the rows that records name and that the base does not hold as they are wanted."""
        for row in self._named.values():
            if row.wanted is not None and not same_row(row.base, row.wanted):
                yield row.wanted

    @cached_property
    def _named(self) -> dict[str, NamedRow]:
        """Look up every id that records name; sorted by id."""
        names = sorted(self._standing.deleted | self._standing.added.keys())
        numbers = self._version.pictures.find(names)
        wanted = [number for of_one in numbers.values() for number in of_one]
        rows = dict(zip(wanted, self._version.pictures.rows(wanted), strict=True))
        return {
            name: self._named_row(name, {n: rows[n] for n in numbers.get(name, ())})
            for name in names
        }

    def _named_row(self, name: str, rows: dict[int, PictureRow]) -> NamedRow:
        base_rows, is_alive = self._version.details.base_rows, self._version.vectors.is_alive
        number = next((number for number in rows if number < base_rows), None)
        held = [row for number, row in rows.items() if is_alive(number)]
        over = [self._added[name]] if name in self._added else []
        return NamedRow(
            number=number,
            base=None if number is None else rows[number],
            held=next(iter(held), None),
            wanted=next(changed(held, over, self._standing), None),
        )

    def _check_own(self, base: Base) -> None:
        if base is not self._base:
            raise ValueError(f"rows of {self._version.name} can be compared with that alone")
