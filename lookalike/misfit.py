"""What msgspec says of a value that does not fit, in words that name no Python type."""

import re
from typing import NamedTuple

import msgspec

KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "array": "a list",
    "object": "an object",
}
LIMITS = {">=": "{} or more", ">": "above {}", "<=": "{} or less", "<": "below {}"}
# As in: Expected `int | null` >= 1 - at `$.workers`
EXPECTED = re.compile(
    r"Expected `(?P<kinds>[^`]+)`(?P<length> of length)?"
    r"(?: (?P<sign>>=|>|<=|<) (?P<limit>[\d.e+-]+))?(?:, got .*)?"
)
# As in: Expected `str` matching regex '^[a-z]*$' - at `$.index`
PATTERN = re.compile(r"Expected `str` matching regex '\^?(.*?)(?:\\\\Z|\$)?'")
SAID = (
    (re.compile(r"Invalid enum value (.*)"), "cannot be {}"),
    (re.compile(r"Object contains unknown field `(.*)`"), "takes no {!r}"),
    (re.compile(r"Object missing required field `(.*)`"), "lacks {!r}"),
    (re.compile(r"Invalid base64 encoded string()"), "is not base64"),
)


class Misfit(NamedTuple):
    """A value that is refused.

    Attributes:
        field: of the struct that was made; empty where it is the struct itself.
        said: what it has to be, to go after the name by which the user gave it.
        place: of the value within the field, as in ``filter.and[0].gt``.
    """

    field: str
    said: str
    place: str


def misfit(error: msgspec.ValidationError) -> Misfit:
    """Read what msgspec raised for a struct."""
    said, _, where = str(error).partition(" - at ")
    place = where.strip("`").removeprefix("$").removeprefix(".")
    return Misfit(re.split(r"[.\[]", place)[0], _worded(said), place)


def _worded(said: str) -> str:
    if matching := PATTERN.match(said):
        return f"has to be of the form {matching[1]}"
    if expected := EXPECTED.fullmatch(said):
        return f"has to be {_kinds(expected['kinds'])}{_bound(expected)}"
    for pattern, words in SAID:
        if found := pattern.fullmatch(said):
            return words.format(found[1])
    return f"cannot be read: {said}"


def _kinds(named: str) -> str:
    kinds = [kind for kind in named.split(" | ") if kind != "null"]
    if "float" in kinds and "int" in kinds:
        kinds.remove("int")
    return " or ".join(KINDS.get(kind, kind) for kind in kinds) or "null"


def _bound(expected: re.Match[str]) -> str:
    if expected["sign"] is None:
        return ""
    length = " of length" if expected["length"] else ""
    return f",{length} {LIMITS[expected['sign']].format(expected['limit'].removesuffix('.0'))}"
