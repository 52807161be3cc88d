"""What changed between an index's base and the rows that it is to hold: pure, streaming.

Both sides come sorted by id, so that it takes no memory however many rows there are.
"""

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

import msgspec

from lookalike.index import PictureRow

Left = TypeVar("Left")
Right = TypeVar("Right")
BaseRow = tuple[int, PictureRow]


class Dead(msgspec.Struct, frozen=True):
    """A row of the base, by its number, that is gone or has another content now."""

    row: int


class Fresh(msgspec.Struct, frozen=True):
    """A row that the base does not hold as it is now."""

    picture: PictureRow


def differences(base: Iterable[BaseRow], wanted: Iterable[PictureRow]) -> Iterator[Dead | Fresh]:
    """Compare a base's rows with those wanted, both in the order of their ids.

    A row counts as changed where anything of it is another: its picture, place, label or
    attributes. What is the same on both sides gives nothing.
    """
    numbered = ((picture.id, (number, picture)) for number, picture in base)
    for held, picture in _paired(numbered, ((picture.id, picture) for picture in wanted)):
        if held is not None and same_row(held[1], picture):
            continue
        if held is not None:
            yield Dead(held[0])
        if picture is not None:
            yield Fresh(picture)


def same_row(one: PictureRow | None, other: PictureRow | None) -> bool:
    """Tell whether two rows are one to whoever searches; None is like None alone.

    As to a filter, 2 and 2.0 are one number, and no truth value is a number: Python takes True
    for 1. On a million equal rows of four attributes it takes 0.7 s more than ``==`` alone.
    """
    if one is None or other is None or one != other:
        return one is other
    others = other.attributes
    for name, value in one.attributes.items():  # a loop: no way without one is as fast
        if (type(value) is bool) is not (type(others[name]) is bool):
            return False
    return True


def merged(first: Iterable[PictureRow], over: Iterable[PictureRow]) -> Iterator[PictureRow]:
    """Merge two streams sorted by id; of two rows of one id that of ``over`` holds."""
    streams = (((picture.id, picture) for picture in stream) for stream in (first, over))
    for below, above in _paired(*streams):
        picture = above or below
        if picture is not None:
            yield picture


def _paired(
    left: Iterable[tuple[str, Left]], right: Iterable[tuple[str, Right]]
) -> Iterator[tuple[Left | None, Right | None]]:
    """Bring together what has one key, from two streams sorted by their unique keys."""
    tagged: Iterable[tuple[str, int, Any]] = heapq.merge(
        ((key, 0, item) for key, item in left),
        ((key, 1, item) for key, item in right),
        key=itemgetter(0),
    )
    for _, group in groupby(tagged, key=itemgetter(0)):
        sides = {side: item for _, side, item in group}
        yield sides.get(0), sides.get(1)
