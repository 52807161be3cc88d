"""Attribute files for tests, and what a filter matches as plain Python says it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lookalike.catalogue import Attribute
from lookalike.index import Attributes, AttributeWriter
from lookalike.index.columns import as_number

# The label, and the attributes, of a picture.
Held = tuple[str | None, Mapping[str, Attribute]]
COMPARISONS = {
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
}


def write_attributes(path: Path, rows: Sequence[Held]) -> None:
    with AttributeWriter(path) as writer:
        for label, attributes in rows:
            writer.add(label, attributes)


def attributes_of(folder: Path, segments: Sequence[Sequence[Held]]) -> Attributes:
    """Write a file for each segment, and open them."""
    paths = [folder / f"{number}.attributes" for number in range(len(segments))]
    for path, rows in zip(paths, segments, strict=True):
        write_attributes(path, rows)
    return Attributes(paths, [len(rows) for rows in segments])


def matches(wanted: Mapping[str, Any], row: Held, named: frozenset[str]) -> bool:
    """Evaluate the JSON of a filter on one row; ``named`` are the attributes that any row has."""
    if "and" in wanted:
        return all(matches(part, row, named) for part in wanted["and"])
    if "or" in wanted:
        return any(matches(part, row, named) for part in wanted["or"])
    if "not" in wanted:
        return not matches(wanted["not"], row, named)
    label, attributes = row
    name = wanted["attribute"]
    value = label if name == "label" and "label" not in named else attributes.get(name)
    return all(_holds(way, value, bound) for way, bound in wanted.items() if way != "attribute")


def _holds(way: str, value: Attribute, bound: Any) -> bool:
    if way == "in":
        return any(_holds("eq", value, one) for one in bound)
    if way == "eq":
        return _kind(value) == _kind(bound) and _number(value) == _number(bound)
    same = _kind(value) == _kind(bound) and _kind(value) in ("text", "number")
    return same and COMPARISONS[way](_number(value), _number(bound))


def _kind(value: Attribute) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "truth value"
    return "text" if isinstance(value, str) else "number"


def _number(value: Any) -> Any:
    return as_number(value) if _kind(value) == "number" else value
