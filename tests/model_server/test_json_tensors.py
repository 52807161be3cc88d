"""The fast way through JSON and its step-by-step diagnosis agree; base64 is exactly strict."""

import base64
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.json_request import Form, tensors_from_json
from model_server.json_response import format_floats, predict_json
from model_server.json_values import decode_base64
from model_server.signature import Signature, TensorInfo
from model_server.status import Refusal

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from([{"b64": "YQ=="}, {"b64": "?"}, {"b64": "", "k": 1}, {"x": 1}]),
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=8)
DTYPES = st.sampled_from(["float", "double", "int32", "int64", "uint8", "bool", "string", "half"])


def signature(dtype: str, *names: str) -> Signature:
    return Signature("s", {name: TensorInfo(f"{name}:0", dtype, None) for name in names}, {})


@settings(deadline=None, max_examples=200)
@given(VALUES, DTYPES)
def test_any_value_becomes_a_tensor_of_its_dtype_or_is_refused(value: Any, dtype: str) -> None:
    for document in ({"inputs": value}, {"instances": [value, value]}, {"instances": value}):
        try:
            tensors, _ = tensors_from_json(document, signature(dtype, "x"))
        except Refusal:
            continue
        assert tensors.keys() == {"x"}


@settings(deadline=None, max_examples=100)
@given(st.lists(st.dictionaries(st.sampled_from("xyz"), VALUES), min_size=1, max_size=3))
def test_any_rows_of_two_inputs_become_tensors_or_are_refused(rows: list[Any]) -> None:
    try:
        tensors, form = tensors_from_json({"instances": rows}, signature("float", "x", "y"))
    except Refusal:
        return
    assert form is Form.ROW
    assert {len(tensor) for tensor in tensors.values()} == {len(rows)}


@given(st.binary(max_size=50), st.sampled_from(["", " ", "\n"]), st.booleans())
def test_base64_is_decoded_with_white_space_and_without_padding(
    data: bytes, space: str, padded: bool
) -> None:
    text = base64.b64encode(data).decode()
    text = text if padded else text.rstrip("=")
    assert decode_base64(space.join(text)) == data


@pytest.mark.parametrize(
    "text", ["a", "YQ=", "YQ===", "=", "Y=Q=", "-_-_", "YQ==YQ==", "é", "Y*Q="]
)
def test_what_is_no_base64_is_not_decoded(text: str) -> None:
    assert decode_base64(text) is None


@settings(deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_floats_read_back_as_they_were(values: list[float]) -> None:
    array = np.array(values, dtype=np.float32)
    texts = format_floats(array)
    assert np.array_equal(
        np.array(list(map(float, texts))).astype(np.float32), array, equal_nan=True
    )
    assert all(set(text) & set(".eIN") for text in texts)


def test_rows_are_laid_out_as_the_real_server_writes_them() -> None:
    outputs = {"y": np.array([2.5, 3.0], dtype=np.float32)}
    assert predict_json(outputs, Form.ROW) == b'{\n    "predictions": [2.5, 3.0\n    ]\n}'
