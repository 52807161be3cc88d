"""Tensors into a predict reply's JSON, number for number as TensorFlow Serving writes it.

A float is written with six significant digits where those read back as the same number
and with nine (a double: seventeen) where they do not (``util/json_tensor.cc``).
"""

import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from model_server.json_request import Form
from model_server.signature import Array, Tensors, dtype_name
from model_server.status import invalid

BYTES_SUFFIX = "_bytes"

_MAX_DIGITS = {"float": 9, "double": 17}
_INTEGERS = {"int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"}
_SPECIAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity", "-nan": "NaN"}
_NEITHER_POINT_NOR_EXPONENT = re.compile(r"-?\d+")


def predict_json(outputs: Tensors, form: Form) -> bytes:
    """Write a reply.

    Args:
        outputs: arrays by output name; strings are bytes in an object array.
        form: the request's form. Row form zips the outputs by their first dimension.

    Raises:
        Refusal: INVALID_ARGUMENT for a dtype without a JSON form, or in row form for
            outputs that do not share a first dimension.
    """
    if form is Form.ROW:
        return _page("predictions", _rows(outputs))
    return _page("outputs", _columns(outputs))


def error_json(message: str) -> bytes:
    """Write the body of a refusal."""
    return _page("error", _quoted(message))


def format_floats(array: Array) -> list[str]:
    """Format a flat float32 or float64 array."""
    digits = _MAX_DIGITS[dtype_name(array)]
    numbers = array.tolist()
    short = [f"{number:.6g}" for number in numbers]
    with np.errstate(over="ignore"):  # the largest float32 rounds up past itself
        exact = np.array([float(text) for text in short]).astype(array.dtype) == array
    return [
        _decimal(text if same else f"{number:.{digits}g}")
        for number, text, same in zip(numbers, short, exact.tolist(), strict=True)
    ]


def _page(key: str, value: str) -> bytes:
    return f'{{\n    "{key}": {value}\n}}'.encode("utf-8", "surrogateescape")


def _rows(outputs: Tensors) -> str:
    _check_rows(outputs)
    columns = {name: list(_items(name, array)) for name, array in outputs.items()}
    if len(columns) == 1:
        (rows,) = columns.values()
    else:
        names = list(columns)
        rows = [
            _object(dict(zip(names, row, strict=True)))
            for row in zip(*columns.values(), strict=True)
        ]
    return f"[{', '.join(rows)}\n    ]"


def _check_rows(outputs: Tensors) -> None:
    batch_size = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if batch_size not in (None, len(array)):
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)}"
                f" expecting: {batch_size}"
            )
        batch_size = len(array)


def _columns(outputs: Tensors) -> str:
    values = {name: _value(name, array) for name, array in outputs.items()}
    return _object(values) if len(values) > 1 else next(iter(values.values()))


def _object(members: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{_quoted(name)}: {value}" for name, value in members.items()) + "}"


def _items(name: str, array: Array) -> Iterator[str]:
    """Each row of an output, as JSON."""
    leaves = iter(_leaves(name, array))
    return (_nested(leaves, array.shape[1:]) for _ in range(len(array)))


def _value(name: str, array: Array) -> str:
    return _nested(iter(_leaves(name, array)), array.shape)


def _nested(leaves: Iterator[str], shape: tuple[int, ...]) -> str:
    if not shape:
        return next(leaves)
    return f"[{', '.join([_nested(leaves, shape[1:]) for _ in range(shape[0])])}]"


def _leaves(name: str, array: Array) -> list[str]:
    dtype = dtype_name(array)
    flat = array.reshape(-1)
    if dtype in _MAX_DIGITS:
        return format_floats(flat)
    if dtype in _INTEGERS:
        return list(map(str, flat.tolist()))
    if dtype == "bool":
        return ["true" if value else "false" for value in flat.tolist()]
    if dtype == "string":
        return list(map(_string_writer(name), flat.tolist()))
    raise invalid(f"Failed to write JSON value for tensor type: {dtype}")


def _string_writer(name: str) -> Callable[[bytes], str]:
    return _base64 if name.endswith(BYTES_SUFFIX) else _text


def _base64(value: bytes) -> str:
    return f'{{"b64": "{binascii.b2a_base64(value, newline=False).decode()}"}}'


def _text(value: bytes) -> str:
    return _quoted(value.decode("utf-8", "surrogateescape"))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _decimal(text: str) -> str:
    if _NEITHER_POINT_NOR_EXPONENT.fullmatch(text):
        return f"{text}.0"
    return _SPECIAL.get(text, text)
