"""Turns parsed JSON into arrays, quickly, for values that fit; says None for those that don't.

Why something does not fit, and in which words, is ``json_diagnosis``'s business, so that
a request of megabytes is never walked element by element unless it is to be refused.
"""

import binascii
import re
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np

from model_server.json_reader import TOO_BIG, to_bytes
from model_server.signature import Array
from model_server.status import invalid

B64_KEY = "b64"
MOST_DIMENSIONS = 64  # numpy's; the real server's tensors have up to 254

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_BASE64_WHITESPACE = str.maketrans("", "", " \t\n\v\f\r")
_BASE64_QUANTUM = 4


def dense_shape(value: object) -> tuple[int, ...]:
    """The shape of nested lists, read off the first element of each.

    Raises:
        Refusal: INVALID_ARGUMENT for more dimensions than an array can have.
    """
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    if len(shape) > MOST_DIMENSIONS:
        raise invalid(f"Lists are nested {len(shape)} deep: at most {MOST_DIMENSIONS} are read")
    return tuple(shape)


def to_array(value: object, dtype: str) -> Array | None:
    """Make an array of the shape of ``value``.

    Args:
        value: a scalar or nested lists, as ``json_reader`` gives them.
        dtype: TensorFlow's name of the dtype that the model takes.

    Returns:
        The array (object dtype with bytes for strings), or None where the lists are ragged
        or a value is not of the dtype.

    Raises:
        Refusal: INVALID_ARGUMENT for lists nested too deeply, or a number past all doubles.
    """
    shape = dense_shape(value)
    leaves = _flatten(value, shape)
    convert = CONVERTERS.get(dtype)
    if leaves is None or convert is None:
        return None
    array = convert(leaves)
    return None if array is None else array.reshape(shape)


def is_base64(value: object) -> bool:
    """Whether ``value`` is ``{"b64": "…"}`` and nothing else."""
    return type(value) is dict and len(value) == 1 and type(value.get(B64_KEY)) is str


def decode_base64(text: str) -> bytes | None:
    """Decode the standard alphabet; padding may be missing, white space is passed over."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        text = text.translate(_BASE64_WHITESPACE)
    bare = text.rstrip("=")
    misses = -len(bare) % _BASE64_QUANTUM
    padded = len(text) != len(bare)
    if not _BASE64.fullmatch(text) or misses == 3 or (padded and len(text) - len(bare) != misses):
        return None
    return binascii.a2b_base64(bare + "=" * misses)


def _flatten(value: object, shape: tuple[int, ...]) -> list[Any] | None:
    level = [value]
    for size in shape:
        if not all(type(item) is list and len(item) == size for item in level):
            return None
        level = list(chain.from_iterable(level))  # type: ignore[arg-type]  # all are lists
    return level


Converter = Callable[[list[Any]], Array | None]


def _floats(dtype: type) -> Converter:
    def convert(leaves: list[Any]) -> Array | None:
        if not set(map(type, leaves)) <= {int, float}:
            return None
        try:
            with np.errstate(over="ignore"):  # 1e39 becomes an infinity, as it does in C++
                return np.array(leaves, dtype=dtype)
        except OverflowError as error:
            raise invalid(f"JSON Parse error: {TOO_BIG}") from error

    return convert


def _integers(dtype: type, accepted: type) -> Converter:
    """Integers within ``accepted``'s range; narrower dtypes wrap around, as in C++."""
    limits = np.iinfo(accepted)

    def convert(leaves: list[Any]) -> Array | None:
        if not set(map(type, leaves)) <= {int}:
            return None
        if leaves and not (limits.min <= min(leaves) and max(leaves) <= limits.max):
            return None
        return np.array(leaves, dtype=accepted).astype(dtype)

    return convert


def _booleans(leaves: list[Any]) -> Array | None:
    return np.array(leaves, dtype=bool) if set(map(type, leaves)) <= {bool} else None


def _strings(leaves: list[Any]) -> Array | None:
    array = np.empty(len(leaves), dtype=object)
    for position, leaf in enumerate(leaves):
        array[position] = _string(leaf)
        if array[position] is None:
            return None
    return array


def _string(leaf: object) -> bytes | None:
    if isinstance(leaf, str):
        return to_bytes(leaf)
    return decode_base64(leaf[B64_KEY]) if isinstance(leaf, dict) and is_base64(leaf) else None


# Every dtype that TensorFlow Serving can read from JSON (util/json_tensor.cc).
CONVERTERS: dict[str, Converter] = {
    "float": _floats(np.float32),
    "double": _floats(np.float64),
    "int8": _integers(np.int8, np.int32),
    "int16": _integers(np.int16, np.int32),
    "int32": _integers(np.int32, np.int32),
    "int64": _integers(np.int64, np.int64),
    "uint8": _integers(np.uint8, np.int32),
    "uint32": _integers(np.uint32, np.uint32),
    "uint64": _integers(np.uint64, np.uint64),
    "bool": _booleans,
    "string": _strings,
}
