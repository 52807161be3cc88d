"""Reads JSON the way TensorFlow Serving's parser does, which is not the standard's way.

NaN and Infinity are numbers, the first of two equal keys wins, whatever follows the
document is ignored and bytes that are no UTF-8 pass through. Knows nothing of tensors.
"""

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model_server.status import Refusal, invalid

ECHO_BYTES = 256
DOCUMENT_IS_EMPTY = "JSON Parse error: The document is empty"
TOO_BIG = "Number too big to be stored in double."

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WHITESPACE = " \t\r\n"
# A string, skipped over, or a bare Inf, which Python's parser does not know.
_STRING_OR_INF = re.compile(r'"(?:[^"\\]|\\.)*"|\bInf\b')
# Python's reasons in the words of rapidjson 1.1's error/en.h; the first that fits.
_REASONS = (
    ("Expecting value", "Invalid value."),
    ("Expecting property name", "Missing a name for object member."),
    ("Expecting ':'", "Missing a colon after a name of object member."),
    ("Expecting ','", "Missing a comma or } or ] after an object member or array element."),
    ("Unterminated string", "Missing a closing quotation mark in string."),
    ("Invalid \\uXXXX", "Incorrect hex digit after \\u escape in string."),
    ("Invalid \\escape", "Invalid escape character in string."),
    ("Invalid control", "Invalid encoding in string."),
)


def read_object(body: bytes) -> dict[str, Any]:
    """Parse a request's body into a dict.

    Strings keep invalid UTF-8 as surrogate escapes; ``to_bytes`` turns them back.

    Raises:
        Refusal: INVALID_ARGUMENT where the body is empty, no JSON or no object.
    """
    text = _text(body)
    if not text:
        raise invalid(DOCUMENT_IS_EMPTY)
    document = _parse(text)
    if "\\u" in text:
        _refuse_half_surrogates(document)
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {echo(document)} Is not object")
    return document


def to_bytes(text: str) -> bytes:
    """The UTF-8 bytes of a parsed string."""
    return text.encode("utf-8", "surrogateescape")


def echo(value: object) -> str:
    """Repeat a JSON value in an error message, cut to about 256 bytes.

    Raises:
        Refusal: INVALID_ARGUMENT where it is nested too deeply to be written.
    """
    with _refusing():
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)[:ECHO_BYTES]


def refuse_overflow(body: bytes) -> None:
    """Refuse a body with a number past the largest double, such as 1e400.

    A second parse, at a third of the speed: called only where an infinity came out of the
    first, which may as well have been written as one.
    """
    with _refusing():
        _STRICT_DECODER.raw_decode(_STRING_OR_INF.sub(_spell_out, _text(body)))


def _refuse_half_surrogates(document: object) -> None:
    with _refusing():
        text = json.dumps(document, ensure_ascii=False)
    try:
        to_bytes(text)
    except UnicodeEncodeError as error:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error


def _text(body: bytes) -> str:
    text = body.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
    return text.lstrip(_WHITESPACE)


def _parse(text: str) -> object:
    with _refusing():
        try:
            return _DECODER.raw_decode(text)[0]
        except json.JSONDecodeError:
            if "Inf" not in text:
                raise
        return _DECODER.raw_decode(_STRING_OR_INF.sub(_spell_out, text))[0]


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what Python's JSON raises into refusals."""
    try:
        yield
    except json.JSONDecodeError as error:
        raise _parse_error(error) from error
    except ValueError as error:  # an integer of more digits than Python reads
        raise invalid(f"JSON Parse error: {TOO_BIG}") from error
    except RecursionError as error:
        raise invalid("JSON Parse error: The document is nested too deeply.") from error


def _spell_out(match: re.Match[str]) -> str:
    return "Infinity" if match[0] == "Inf" else match[0]


def _parse_error(error: json.JSONDecodeError) -> Refusal:
    reason = next((ours for theirs, ours in _REASONS if error.msg.startswith(theirs)), error.msg)
    return invalid(f"JSON Parse error: {reason} at offset: {error.pos}")


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else dict(reversed(pairs))


def _finite(token: str) -> float:
    number = float(token)
    if math.isinf(number):
        raise invalid(f"JSON Parse error: {TOO_BIG}")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_first_wins)
_STRICT_DECODER = json.JSONDecoder(parse_float=_finite)
