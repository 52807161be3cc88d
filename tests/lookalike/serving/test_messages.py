"""The messages of the gRPC client are, on the wire, TensorFlow Serving's own."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from google.protobuf.wrappers_pb2 import Int64Value
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import get_model_status_pb2, model_pb2, predict_pb2

from lookalike.serving.messages import (
    AVAILABLE,
    DT_STRING,
    MESSAGES,
    PredictRequest,
    message_type,
)

REAL: dict[str, Any] = {
    "Dim": tensor_shape_pb2.TensorShapeProto.Dim,
    "TensorShapeProto": tensor_shape_pb2.TensorShapeProto,
    "TensorProto": tensor_pb2.TensorProto,
    "NamedTensor": predict_pb2.PredictRequest.InputsEntry,
    "Int64Value": Int64Value,
    "ModelSpec": model_pb2.ModelSpec,
    "PredictRequest": predict_pb2.PredictRequest,
    "PredictResponse": predict_pb2.PredictResponse,
    "GetModelStatusRequest": get_model_status_pb2.GetModelStatusRequest,
    "ModelVersionStatus": get_model_status_pb2.ModelVersionStatus,
    "GetModelStatusResponse": get_model_status_pb2.GetModelStatusResponse,
}


@pytest.mark.parametrize("name", MESSAGES)
def test_every_field_is_the_real_one_s(name: str) -> None:
    real = REAL[name].DESCRIPTOR.fields_by_name
    for field in message_type(name).DESCRIPTOR.fields:
        its = real[field.name]
        assert (field.number, field.is_repeated) == (its.number, its.is_repeated), field.name
        kind = its.TYPE_INT32 if its.type == its.TYPE_ENUM else its.type
        assert field.type == kind, field.name
        if field.message_type is not None and not its.message_type.GetOptions().map_entry:
            assert REAL[field.message_type.name].DESCRIPTOR is its.message_type, field.name


@pytest.mark.parametrize("entry", ["PredictRequest.InputsEntry", "PredictResponse.OutputsEntry"])
def test_an_entry_of_a_map_is_a_message_of_key_and_value(entry: str) -> None:
    message, _, name = entry.partition(".")
    real = REAL[message].DESCRIPTOR.nested_types_by_name[name]
    own = message_type("NamedTensor").DESCRIPTOR
    assert [(field.name, field.number, field.type) for field in own.fields] == [
        (field.name, field.number, field.type) for field in real.fields
    ]
    assert real.fields_by_name["value"].message_type is REAL["TensorProto"].DESCRIPTOR


def test_constants_are_the_real_ones() -> None:
    assert types_pb2.DT_STRING == DT_STRING
    assert get_model_status_pb2.ModelVersionStatus.State.AVAILABLE == AVAILABLE


def test_a_request_is_read_as_it_was_meant() -> None:
    request = PredictRequest()
    request.model_spec.name, request.model_spec.version.value = "embedder", 7
    request.model_spec.signature_name = "pixels"
    tensor = request.inputs.add(key="raw").value
    tensor.dtype = DT_STRING
    tensor.tensor_shape.dim.add().size = 2
    tensor.string_val.extend([b"\x00\xff", b""])
    read = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    expected = predict_pb2.PredictRequest()
    expected.model_spec.name, expected.model_spec.version.value = "embedder", 7
    expected.model_spec.signature_name = "pixels"
    expected.inputs["raw"].dtype = types_pb2.DT_STRING
    expected.inputs["raw"].tensor_shape.dim.add().size = 2
    expected.inputs["raw"].string_val.extend([b"\x00\xff", b""])
    assert read == expected


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_is_read_as_it_was_meant(packed: bool) -> None:
    values = np.arange(6, dtype=np.float32)
    answer = predict_pb2.PredictResponse()
    answer.model_spec.name = "embedder"
    for name in ("dense_1", "other"):
        tensor = answer.outputs[name]
        for size in (2, 3):
            tensor.tensor_shape.dim.add().size = size
        if packed:
            tensor.tensor_content = values.tobytes()
        else:
            tensor.float_val.extend(values)
    read = message_type("PredictResponse").FromString(answer.SerializeToString())
    outputs = {output.key: output.value for output in read.outputs}
    assert set(outputs) == {"dense_1", "other"}
    tensor = outputs["dense_1"]
    assert [dim.size for dim in tensor.tensor_shape.dim] == [2, 3]
    assert (bytes(tensor.tensor_content) == values.tobytes()) == packed
    assert list(tensor.float_val) == ([] if packed else list(values))


def test_jobs_that_index_import_no_tensorflow() -> None:
    code = (
        "import sys, indexing.reindex, indexing.addition, indexing.index_cli, indexing.cli\n"
        "sys.exit(bool({'tensorflow', 'keras', 'onnx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
