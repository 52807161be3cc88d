"""Whether a filter matches one picture: what ``filtering.py`` tells of columns, for a few rows.

The two are held to the same answers by a test.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from lookalike.catalogue import Attribute
from lookalike.index.columns import as_number
from lookalike.index.filters import Filter
from lookalike.index.picture_row import PictureRow

RowTest = Callable[[PictureRow], bool]
# The kind of a value and the value; None: it is missing.
Known = tuple[type, Any] | None

LABEL = "label"
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def row_test(wanted: Filter, *, label_is_attribute: bool = False) -> RowTest:
    """Prepare a filter for pictures.

    Args:
        wanted: the filter.
        label_is_attribute: whether pictures of the index have an attribute ``label``, which
            the filter then means, rather than the label.
    """
    if isinstance(wanted.attribute, str):
        return _condition(wanted, wanted.attribute, label_is_attribute)
    parts = [row_test(part, label_is_attribute=label_is_attribute) for part in wanted.parts]
    if wanted.none:
        return lambda picture: not parts[0](picture)
    joined = all if wanted.every else any
    return lambda picture: joined(part(picture) for part in parts)


def _condition(wanted: Filter, name: str, label_is_attribute: bool) -> RowTest:
    tests = _tests(wanted)

    def test(picture: PictureRow) -> bool:
        if name == LABEL and not label_is_attribute:
            value = _known(picture.label)
        else:
            value = _known(picture.attributes.get(name))
        return all(holds(value) for holds in tests)

    return test


def _tests(wanted: Filter) -> list[Callable[[Known], bool]]:
    """Give a test of the value for each comparison of a condition."""
    tests: list[Callable[[Known], bool]] = []
    if wanted.eq is not UNSET:
        tests.append(frozenset([_kind(wanted.eq)]).__contains__)
    if wanted.among:
        tests.append(frozenset(map(_kind, wanted.among)).__contains__)
    for way, compare in COMPARISONS.items():
        bound = getattr(wanted, way)
        if bound is not UNSET:
            tests.append(_within(compare, str if isinstance(bound, str) else float, bound))
    return tests


def _within(
    compare: Callable[[Any, Any], bool], kind: type, bound: str | float
) -> Callable[[Known], bool]:
    limit = bound if isinstance(bound, str) else as_number(bound)
    return lambda value: value is not None and value[0] is kind and compare(value[1], limit)


def _known(value: Attribute) -> Known:
    """Give a picture's value; to columns a number that is not finite is missing."""
    kind = _kind(value)
    return kind if kind is None or kind[0] is not float or math.isfinite(kind[1]) else None


def _kind(value: Attribute) -> Known:
    if value is None or isinstance(value, bool | str):
        return None if value is None else (type(value), value)
    return float, as_number(value)
