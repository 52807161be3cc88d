"""The filter language: conditions on attributes and labels, decoded from JSON and checked.

docs/filters.md tells it by example. What a filter matches is ``attributes.py``'s business.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lookalike.catalogue import Attribute
from lookalike.errors import InvalidFilter
from lookalike.index.columns import as_number

MOST_DEPTH, MOST_CONDITIONS, MOST_VALUES = 8, 100, 1000
FORMS = ("attribute", "and", "or", "not")

Ordered = str | int | float
Several = Meta(min_length=1)


class Filter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Either a condition on one attribute, or ``and``, ``or`` or ``not`` of other filters.

    Of a condition all comparisons must hold. One with a missing value, or with a value of
    another kind (text, number, truth value), does not.
    """

    attribute: Annotated[
        str | UnsetType,
        Meta(description="Name of an attribute; `label` is the label where none has that name."),
    ] = UNSET
    eq: Annotated[
        Attribute | UnsetType, Meta(description="Equal to this; null: the value is missing.")
    ] = UNSET
    among: Annotated[
        Annotated[list[Attribute], Several] | UnsetType, Meta(description="Equal to one of these.")
    ] = msgspec.field(default=UNSET, name="in")
    lt: Annotated[Ordered | UnsetType, Meta(description="Less; texts: sorted before.")] = UNSET
    lte: Annotated[Ordered | UnsetType, Meta(description="Less or equal.")] = UNSET
    gt: Annotated[Ordered | UnsetType, Meta(description="Greater; texts: sorted after.")] = UNSET
    gte: Annotated[Ordered | UnsetType, Meta(description="Greater or equal.")] = UNSET
    every: Annotated[
        Annotated[list["Filter"], Several] | UnsetType, Meta(description="All of these hold.")
    ] = msgspec.field(default=UNSET, name="and")
    some: Annotated[
        Annotated[list["Filter"], Several] | UnsetType,
        Meta(description="At least one of these holds."),
    ] = msgspec.field(default=UNSET, name="or")
    none: Annotated[Union["Filter", UnsetType], Meta(description="This does not hold.")] = (
        msgspec.field(default=UNSET, name="not")
    )

    def __post_init__(self) -> None:
        forms = (self.attribute, self.every, self.some, self.none)
        given = [name for name, form in zip(FORMS, forms, strict=True) if form is not UNSET]
        if len(given) != 1:
            has = " and ".join(f"`{name}`" for name in given) or "none of them"
            raise ValueError(f"a filter has one of `attribute`, `and`, `or`, `not`, here is {has}")
        if given[0] == "attribute" and not self.compares:
            raise ValueError("a condition has one of `eq`, `in`, `lt`, `lte`, `gt`, `gte`, or more")
        if given[0] != "attribute" and self.compares:
            raise ValueError(f"comparisons go with `attribute`, and not with `{given[0]}`")

    @property
    def compares(self) -> bool:
        """Whether there is a comparison."""
        compared = (self.eq, self.among, self.lt, self.lte, self.gt, self.gte)
        return any(value is not UNSET for value in compared)

    @property
    def parts(self) -> "list[Filter]":
        """The filters that this one joins or turns; none of a condition."""
        joined = self.every or self.some or ([self.none] if self.none else [])
        return list(joined)


def decode_filter(data: bytes | str) -> Filter:
    """Read a filter from JSON.

    Raises:
        InvalidFilter: it is no filter, or a larger one than is allowed.
    """
    return _read(lambda: msgspec.json.decode(data, type=Filter))


def filter_of(value: object) -> Filter:
    """Take a filter from decoded JSON, as :func:`decode_filter` does.

    Raises:
        InvalidFilter: it is no filter, or a larger one than is allowed.
    """
    return _read(lambda: msgspec.convert(value, Filter))


def check(wanted: Filter) -> None:
    """Hold a filter against the limits.

    Raises:
        InvalidFilter: it is nested too deep, or has too many conditions or values.
    """
    conditions = values = 0
    for condition, depth in _conditions(wanted, 1):
        if depth > MOST_DEPTH:
            raise _too_deep()
        conditions += 1
        values += len(condition.among) if condition.among else 0
    if conditions > MOST_CONDITIONS:
        raise InvalidFilter(
            f"the filter has {conditions} conditions, and may have {MOST_CONDITIONS}"
        )
    if values > MOST_VALUES:
        raise InvalidFilter(f"the filter has {values} values of `in`, and may have {MOST_VALUES}")


def canonical(wanted: Filter) -> bytes:
    """Give bytes that are equal for filters that obviously say the same.

    The order of what is joined and of the values of `in` does not count, nor does what is
    said twice, nor whether a number is written 2 or 2.0.
    """
    return msgspec.json.encode(_canonical(wanted))


def _read(decoded: Callable[[], Filter]) -> Filter:
    try:
        wanted = decoded()
    except RecursionError as error:
        raise _too_deep() from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidFilter(f"the filter cannot be understood: {error}") from error
    check(wanted)
    return wanted


def _too_deep() -> InvalidFilter:
    return InvalidFilter(f"the filter is nested over {MOST_DEPTH} deep")


def _conditions(wanted: Filter, depth: int) -> Iterator[tuple[Filter, int]]:
    """Give the conditions with their depths, and no deeper than that is known to be too deep."""
    parts = wanted.parts
    if not parts or depth > MOST_DEPTH:
        yield wanted, depth
    for part in parts if depth <= MOST_DEPTH else []:
        yield from _conditions(part, depth + 1)


def _canonical(wanted: Filter) -> Any:
    if wanted.none:
        return ["not", _canonical(wanted.none)]
    if wanted.parts:
        joined = {msgspec.json.encode(_canonical(part)) for part in wanted.parts}
        return ["and" if wanted.every else "or", [msgspec.Raw(part) for part in sorted(joined)]]
    bounds = [_plain(value) for value in (wanted.lt, wanted.lte, wanted.gt, wanted.gte)]
    return [wanted.attribute, _equals(wanted), bounds]


def _equals(wanted: Filter) -> list[list[msgspec.Raw]]:
    """Give the sets of values that the value must be in."""
    wanted_sets = [[wanted.eq]] if wanted.eq is not UNSET else []
    if wanted.among:
        wanted_sets.append(list(wanted.among))
    return [
        [msgspec.Raw(one) for one in sorted({msgspec.json.encode(_plain(v)) for v in values})]
        for values in wanted_sets
    ]


def _plain(value: Attribute | UnsetType) -> Any:
    """Tell numbers, truth values, null and what is not said apart, and no number twice."""
    if value is UNSET:
        return []
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [repr(as_number(value))]
    return value
