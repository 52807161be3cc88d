"""What a version's pictures have as attributes, so that a service can offer filters.

Counts are of what is stored with the columns, less those of dead rows: only these are read.
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lookalike.index.attributes import Attributes
from lookalike.index.columns import FALSE, FIRST_TEXT, NONE, TRUE, Column, Counts
from lookalike.index.details import AttributeSummary, Kind, ValueCount
from lookalike.index.selection import Bits

FEW_VALUES = 50
# Texts of all segments together that are compared with each other: a second's work.
MOST_COMPARED = 1_000_000

Value = str | float | bool
# Rows of a segment, counted from its first.
RowNumbers = npt.NDArray[np.int64]
# The dead rows of each segment.
Dead = Sequence[RowNumbers]


def summarise(attributes: Attributes, dead: Bits | None) -> list[AttributeSummary]:
    """Sum up every attribute of a version, and the label.

    Args:
        attributes: of all its segments.
        dead: bits of the rows that are no pictures any more; None: there are none.
    """
    gone = _by_segment(attributes.rows, dead)
    rows = attributes.rows
    return [_summary(name, attributes.columns(name), rows, gone) for name in attributes.names]


def _by_segment(rows: Sequence[int], dead: Bits | None) -> Dead:
    ends = np.cumsum([0, *rows]).tolist()
    numbers = np.flatnonzero(np.unpackbits(dead, bitorder="little")) if dead is not None else None
    if numbers is None:
        return [np.empty(0, np.int64)] * len(rows)
    bounds = numbers.searchsorted(ends).tolist()
    return [
        numbers[first:past] - start
        for (first, past), start in zip(pairwise(bounds), ends, strict=False)
    ]


def _summary(
    name: str, columns: Sequence[Column], rows: Sequence[int], dead: Dead
) -> AttributeSummary:
    coded = [_code_counts(column, gone) for column, gone in zip(columns, dead, strict=True)]
    numbers = [column.stored for column in columns if column.stored is not None]
    missing = sum(
        count - len(gone) - int(counts[FALSE:].sum()) - _number_count(column, gone)
        for column, count, gone, counts in zip(columns, rows, dead, coded, strict=True)
    )
    return AttributeSummary(
        name=name,
        kinds=_kinds(coded, bool(numbers)),
        missing=missing,
        texts=_different_texts(columns),
        least=min((stored.least for stored in numbers), default=None),
        most=max((stored.most for stored in numbers), default=None),
        values=_values(columns, coded, dead),
    )


def _code_counts(column: Column, dead: RowNumbers) -> Counts:
    """Count the living rows of each code but NONE, whose count is left at 0."""
    counts = column.counts.astype(np.int64)
    if column.codes is not None and len(dead):
        counts -= np.bincount(column.codes[dead], minlength=len(counts))
    counts[NONE] = 0
    return counts.astype(np.uint64)


def _number_count(column: Column, dead: RowNumbers) -> int:
    if column.numbers is None or column.stored is None:
        return 0
    return column.stored.count - int((~np.isnan(column.numbers[dead])).sum())


def _kinds(coded: Sequence[Counts], numbers: bool) -> list[Kind]:
    kinds: list[Kind] = []
    if any(counts[FIRST_TEXT:].any() for counts in coded):
        kinds.append("text")
    if numbers:
        kinds.append("number")
    if any(counts[FALSE:FIRST_TEXT].any() for counts in coded):
        kinds.append("truth value")
    return kinds


def _different_texts(columns: Sequence[Column]) -> int:
    counts = [len(column.texts) for column in columns]
    if sum(counts) > MOST_COMPARED or len(counts) == 1:
        return max(counts)
    texts = heapq.merge(*(column.texts for column in columns))
    different, last = 0, None
    for text in texts:
        different += text != last
        last = text
    return different


def _values(
    columns: Sequence[Column], coded: Sequence[Counts], dead: Dead
) -> list[ValueCount] | None:
    """Give every value with its count; None where there are more than a few."""
    found: Counter[tuple[str, Value]] = Counter()
    for column, counts, gone in zip(columns, coded, dead, strict=True):
        few = column.stored.few if column.stored is not None else []
        if len(column.texts) > FEW_VALUES or few is None:
            return None
        found[("truth value", False)] += int(counts[FALSE])
        found[("truth value", True)] += int(counts[TRUE])
        for number in range(len(column.texts)):
            found[("text", column.texts.text(number))] += int(counts[FIRST_TEXT + number])
        _count_numbers(found, column, few, gone)
    alive = [(value, count) for (_, value), count in found.most_common() if count > 0]
    return [ValueCount(*item) for item in alive] if len(alive) <= FEW_VALUES else None


def _count_numbers(
    found: "Counter[tuple[str, Value]]",
    column: Column,
    few: Sequence[tuple[float, int]],
    dead: RowNumbers,
) -> None:
    for value, count in few:
        found["number", value] += count
    if column.numbers is not None and len(dead):
        for value, count in zip(*np.unique_counts(column.numbers[dead]), strict=True):
            found["number", float(value)] -= int(count)
