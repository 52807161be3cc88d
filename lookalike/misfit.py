"""What msgspec says of a value that does not fit, in words that name no Python type."""

import re
from typing import NamedTuple

import msgspec

KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
LIMITS = {">=": "{} or more", ">": "above {}", "<=": "{} or less", "<": "below {}"}
# As in: Expected `int` >= 1 - at `$.workers`
EXPECTED = re.compile(r"Expected `(\w+)(?: \| null)?`(?: (>=|>|<=|<) ([\d.e+-]+))?")
# As in: Expected `str` matching regex '^[a-z]*$' - at `$.index`
PATTERN = re.compile(r"Expected `str` matching regex '\^?(.*?)(?:\\\\Z|\$)?'")
CHOICE = re.compile(r"Invalid enum value (.*)")


class Misfit(NamedTuple):
    """A value that is refused.

    Attributes:
        field: of the struct that was made; empty where msgspec names none.
        said: what it has to be, to go after the name by which the user gave it.
    """

    field: str
    said: str


def misfit(error: msgspec.ValidationError) -> Misfit:
    """Read what msgspec raised for a struct without structs within."""
    said, _, where = str(error).partition(" - at ")
    return Misfit(where.strip("`").removeprefix("$."), _worded(said))


def _worded(said: str) -> str:
    if matching := PATTERN.match(said):
        return f"has to be of the form {matching[1]}"
    if expected := EXPECTED.match(said):
        kind, sign, limit = expected.groups()
        bound = "" if sign is None else f", {LIMITS[sign].format(limit.removesuffix('.0'))}"
        return f"has to be {KINDS.get(kind, kind)}{bound}"
    if choice := CHOICE.match(said):
        return f"cannot be {choice[1]}"
    return said
