"""Making pictures of a table's rows, whether the table is a file or a database's answer."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from lookalike.catalogue.picture import Attribute, Picture, checked_id
from lookalike.catalogue.urls import absolute_uri
from lookalike.errors import DataError

REQUIRED = ("id", "uri")
COLUMNS = (*REQUIRED, "label")


def check_columns(names: Iterable[str], source: str) -> None:
    """Raise DataError unless a table has the columns of a catalogue, each once."""
    names = list(names)
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise DataError(
            f"{source} has no column {' and no column '.join(map(repr, missing))}: a catalogue "
            f"has id, uri, label where there is one, and any attributes; found {names}"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{source} has more than one column {twice[0]!r}")


def picture_of(row: Mapping[str, Any], where: str, base: str) -> Picture:
    """Make a picture of one row.

    Args:
        row: the columns' values.
        where: what to call the row in an error, such as ``pictures.csv, row 12``.
        base: the folder that a relative uri starts from; empty where there is none.

    Raises:
        DataError: the id, the uri, the label or an attribute cannot be one.
    """
    attributes = {name: value for name, value in row.items() if name not in COLUMNS}
    return Picture(
        checked_id(_text(row["id"], "id", where), where),
        _uri(row["uri"], where, base),
        _text(row.get("label"), "label", where) or None,
        {name: _attribute(value, name, where) for name, value in attributes.items()},
    )


def reserved(names: Iterable[str]) -> list[str]:
    """Give those of ``names`` that no attribute can have, sorted: a catalogue's own columns."""
    return sorted(set(names) & set(COLUMNS))


def _text(value: object, column: str, where: str) -> str:
    """Take text, and the whole numbers and UUIDs that databases use as keys."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | UUID) and not isinstance(value, bool):
        return str(value)
    raise DataError(f"{where}: {column} holds a {type(value).__name__}, and must be text")


def _uri(value: object, where: str, base: str) -> str:
    text = _text(value, "uri", where)
    if not text or "\0" in text:
        raise DataError(f"{where}: uri is {'not a place: it has a NUL' if text else 'empty'}")
    try:
        return absolute_uri(text, base)
    except ValueError as error:
        raise DataError(f"{where}: uri {text!r} is {error}") from error


def _attribute(value: object, column: str, where: str) -> Attribute:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise DataError(
        f"{where}: column {column!r} holds a {type(value).__name__}; attributes are text, "
        "numbers, truth values, dates and times"
    )
