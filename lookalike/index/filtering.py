"""Which rows of one segment a filter matches: array operations on stretches of its columns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any, TypeGuard

import numpy as np
from msgspec import UNSET

from lookalike.catalogue import Attribute
from lookalike.index.columns import FALSE, FIRST_TEXT, NONE, TRUE, Column, Mask, as_number
from lookalike.index.filters import Filter

# Tells of a stretch of rows which of them match: bool[rows].
Test = Callable[[slice], Mask]

COMPARISONS: dict[str, Any] = {
    "lt": np.less,
    "lte": np.less_equal,
    "gt": np.greater,
    "gte": np.greater_equal,
}


def matcher(wanted: Filter, column_of: Callable[[str], Column]) -> Test:
    """Prepare a filter for one segment: its texts are looked up once.

    Args:
        wanted: the filter.
        column_of: gives the segment's column of an attribute.
    """
    if isinstance(wanted.attribute, str):
        return _together(np.logical_and, _comparisons(wanted, column_of(wanted.attribute)))
    parts = [matcher(part, column_of) for part in wanted.parts]
    if wanted.none:
        return lambda rows: ~parts[0](rows)
    return _together(np.logical_and if wanted.every else np.logical_or, parts)


def _together(join: Any, tests: Iterable[Test]) -> Test:
    held = list(tests)
    return lambda rows: reduce(join, [test(rows) for test in held])


def _comparisons(wanted: Filter, column: Column) -> Iterator[Test]:
    """Give a test for each comparison of a condition."""
    if wanted.eq is not UNSET:
        yield _one_of(column, [wanted.eq])
    if wanted.among:
        yield _one_of(column, wanted.among)
    for name in COMPARISONS:
        bound = getattr(wanted, name)
        if isinstance(bound, str):
            yield _texts_within(column, *_text_range(column, name, bound))
        elif bound is not UNSET:
            yield _compared(column, COMPARISONS[name], as_number(bound))


def _one_of(column: Column, values: Sequence[Attribute]) -> Test:
    """Test whether the value is one of these."""
    tests = [_missing(column)] if None in values else []
    codes = {_code(column, value) for value in values} - {NONE}
    if codes and column.codes is not None:
        tests.append(_coded(column.codes, codes, len(column.counts)))
    numbers = {as_number(value) for value in values if _is_number(value)}
    if numbers and column.numbers is not None:
        tests.append(_numbered(column.numbers, numbers))
    return _together(np.logical_or, tests) if tests else _nowhere


def _code(column: Column, value: Attribute) -> int:
    """Give the code of a truth value or a text; NONE where the column has none of it."""
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if not isinstance(value, str):
        return NONE
    first, past = column.texts.before(value), column.texts.through(value)
    return FIRST_TEXT + first if past > first else NONE


def _coded(codes: Any, wanted: Iterable[int], count: int) -> Test:
    is_wanted = np.zeros(count, np.bool_)
    is_wanted[list(wanted)] = True
    return lambda rows: is_wanted[codes[rows]]


def _numbered(numbers: Any, wanted: Iterable[float]) -> Test:
    known = np.array(sorted(wanted))

    def test(rows: slice) -> Mask:
        values = numbers[rows]
        place = np.minimum(known.searchsorted(values), len(known) - 1)
        found: Mask = known[place] == values
        return found

    return test


def _missing(column: Column) -> Test:
    codes, numbers = column.codes, column.numbers

    def test(rows: slice) -> Mask:
        mask = np.ones(rows.stop - rows.start, np.bool_)
        if codes is not None:
            mask &= codes[rows] == NONE
        if numbers is not None:
            mask &= np.isnan(numbers[rows])
        return mask

    return test


def _text_range(column: Column, name: str, bound: str) -> tuple[int, int]:
    """Give the first code of the texts that compare so, and the one after the last."""
    before, through = column.texts.before(bound), column.texts.through(bound)
    count = len(column.texts)
    first, past = {
        "lt": (0, before),
        "lte": (0, through),
        "gt": (through, count),
        "gte": (before, count),
    }[name]
    return FIRST_TEXT + first, FIRST_TEXT + past


def _texts_within(column: Column, first: int, past: int) -> Test:
    codes = column.codes
    if codes is None or first == past:
        return _nowhere
    return lambda rows: (codes[rows] >= first) & (codes[rows] < past)


def _compared(column: Column, compare: Any, bound: float) -> Test:
    numbers = column.numbers
    if numbers is None:
        return _nowhere
    return lambda rows: compare(numbers[rows], bound)  # NaN never compares


def _nowhere(rows: slice) -> Mask:
    return np.zeros(rows.stop - rows.start, np.bool_)


def _is_number(value: Attribute) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
