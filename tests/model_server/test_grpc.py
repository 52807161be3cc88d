"""The gRPC services: the same answers as REST's, and the real server's codes and messages."""

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from model_server.server import ModelServer
from model_server.signature import Array
from tests.model_server.http_client import Address

Status = grpc.StatusCode
CALL_SECONDS = 60
LARGE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@pytest.fixture(scope="module")
def channel(batching_server: ModelServer) -> Iterator[grpc.Channel]:
    target = f"127.0.0.1:{batching_server.grpc_port}"
    with grpc.insecure_channel(target, options=LARGE) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.Channel) -> prediction_service_pb2_grpc.PredictionServiceStub:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture
def batching_rest(batching_server: ModelServer) -> Address:
    return Address("127.0.0.1", batching_server.rest_port)


def request(
    inputs: dict[str, object], signature: str = "", name: str = "toy", **spec: object
) -> predict_pb2.PredictRequest:
    message = predict_pb2.PredictRequest()
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    if "version" in spec:
        message.model_spec.version.value = spec["version"]
    if "label" in spec:
        message.model_spec.version_label = spec["label"]
    for key, value in inputs.items():
        message.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return message


def outputs(response: predict_pb2.PredictResponse) -> dict[str, Array]:
    return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}


X = np.array([[1, 2, 3, 4]], dtype=np.float32)


def test_predict_gives_the_outputs_and_names_what_gave_them(stub: Any) -> None:
    response = stub.Predict(request({"x": X}), timeout=CALL_SECONDS)
    assert outputs(response)["y"].tolist() == [[4.0, 6.0]]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("toy", 1, "serving_default")


def test_values_are_in_typed_fields_as_the_real_server_writes_them(stub: Any) -> None:
    tensor = stub.Predict(request({"x": X}), timeout=CALL_SECONDS).outputs["y"]
    assert list(tensor.float_val) == [4.0, 6.0]
    assert not tensor.tensor_content


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int8", "int32", "int64", "uint8", "uint32", "uint64", "bool"]
)
def test_every_dtype_of_json_is_answered_alike_over_grpc_and_rest(
    stub: Any, batching_rest: Address, dtype: str
) -> None:
    values = np.array([[0, 1], [1, 0]]).astype(dtype)
    over_grpc = outputs(stub.Predict(request({"x": values}, dtype), timeout=CALL_SECONDS))["y"]
    reply = batching_rest.predict({"signature_name": dtype, "inputs": values.tolist()})
    assert over_grpc.dtype == values.dtype
    assert np.array_equal(over_grpc, values)
    assert np.array_equal(np.array(reply.json["outputs"], dtype=dtype), values)


def test_random_floats_are_equal_over_grpc_and_rest(stub: Any, batching_rest: Address) -> None:
    x = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    over_grpc = outputs(stub.Predict(request({"x": x}), timeout=CALL_SECONDS))["y"]
    reply = batching_rest.predict({"instances": x.astype(float).tolist()})
    assert np.array_equal(np.array(reply.json["predictions"], dtype=np.float32), over_grpc)


def test_dtypes_without_json_work(stub: Any) -> None:
    halves = np.array([0.5, 2.0], dtype=np.float16)
    response = stub.Predict(request({"x": halves}, "float16"), timeout=CALL_SECONDS)
    assert outputs(response)["y"].tolist() == [0.5, 2.0]


def test_strings_are_bytes(stub: Any) -> None:
    inputs = {"doc": [b"\xff\x00", b""], "x": np.ones((2, 2), np.float32)}
    given = outputs(stub.Predict(request(inputs, "two"), timeout=CALL_SECONDS))
    assert given["doc_bytes"].tolist() == [b"\xff\x00", b""]


def test_only_the_outputs_asked_for_are_given(stub: Any) -> None:
    message = request({"doc": [b"a"], "x": np.ones((1, 2), np.float32)}, "two")
    message.output_filter.append("total")
    assert set(outputs(stub.Predict(message, timeout=CALL_SECONDS))) == {"total"}


def test_messages_may_be_larger_than_the_default_of_4_mb(stub: Any) -> None:
    pictures = [bytes(150_528)] * 32
    response = stub.Predict(request({"x": pictures}, "string"), timeout=CALL_SECONDS)
    assert outputs(response)["y"].tolist() == pictures


def filtered(*names: str) -> predict_pb2.PredictRequest:
    message = request({"x": X})
    message.output_filter.extend(names)
    return message


def half_filled() -> predict_pb2.PredictRequest:
    message = request({"x": X})
    message.inputs["x"].tensor_content = b"123"
    return message


@pytest.mark.parametrize(
    ("dtype", "size", "values"),
    [
        (types_pb2.DT_INT8, 1, {"int_val": [300]}),
        (types_pb2.DT_UINT8, 1, {"int_val": [-1]}),
        (types_pb2.DT_HALF, 1, {"half_val": [70_000]}),
        (types_pb2.DT_VARIANT, 1, {}),
        (types_pb2.DT_RESOURCE, 1, {}),
        (types_pb2.DT_FLOAT, 10**12, {"float_val": [1.0]}),
    ],
)
def test_a_tensor_that_is_none_is_refused(
    stub: Any, dtype: int, size: int, values: dict[str, list[float]]
) -> None:
    message = request({"x": X})
    tensor = tensor_pb2.TensorProto(dtype=dtype, **values)
    tensor.tensor_shape.dim.add(size=size)
    message.inputs["x"].CopyFrom(tensor)
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Predict(message, timeout=CALL_SECONDS)
    assert refusal.value.code() is Status.INVALID_ARGUMENT
    assert refusal.value.details() == "tensor parsing error: x"


@pytest.mark.parametrize(
    ("message", "code", "details"),
    [
        (
            request({"x": X}, version=99),
            Status.NOT_FOUND,
            "Servable not found for request: Specific(toy, 99)",
        ),
        (
            request({"x": X}, name="nope"),
            Status.NOT_FOUND,
            "Servable not found for request: Latest(nope)",
        ),
        (
            request({"x": X}, label="stable"),
            Status.INVALID_ARGUMENT,
            "Unrecognized servable version label: stable",
        ),
        (request({"x": X}, name=""), Status.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (predict_pb2.PredictRequest(), Status.INVALID_ARGUMENT, "Missing ModelSpec"),
        (
            request({"x": X}, "nope"),
            Status.FAILED_PRECONDITION,
            'Serving signature key "nope" not found.',
        ),
        (
            request({}),
            Status.INVALID_ARGUMENT,
            (
                "input size does not match signature: 0!=1 len({}) != len({x})."
                " Sent extra: {}. Missing but required: {x}."
            ),
        ),
        (
            request({"z": X}),
            Status.INVALID_ARGUMENT,
            "Inputs contains invalid name. Used request inputs: , request input: z",
        ),
        (
            request({"x": X.astype(np.float64)}),
            Status.INVALID_ARGUMENT,
            "Expects arg[0] to be float but double is provided",
        ),
        (
            filtered("z"),
            Status.INVALID_ARGUMENT,
            "output tensor alias not found in signature: z Outputs expected to be in the set {y}.",
        ),
        (filtered("y", "y"), Status.INVALID_ARGUMENT, "duplicate output tensor alias: y"),
        (half_filled(), Status.INVALID_ARGUMENT, "tensor parsing error: x"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    stub: Any, message: predict_pb2.PredictRequest, code: grpc.StatusCode, details: str
) -> None:
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Predict(message, timeout=CALL_SECONDS)
    assert (refusal.value.code(), refusal.value.details()) == (code, details)


def test_kernels_say_what_is_wrong_with_a_shape(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Predict(request({"x": X[:, :2]}), timeout=CALL_SECONDS)
    assert refusal.value.code() is Status.INVALID_ARGUMENT
    assert refusal.value.details().startswith("Matrix size-incompatible")


def test_a_deadline_is_kept(stub: Any) -> None:
    message = request({"steps": np.array([2e4], np.float32)}, "slow")
    with pytest.raises(grpc.RpcError) as refusal:
        stub.Predict(message, timeout=0.05)
    assert refusal.value.code() is Status.DEADLINE_EXCEEDED


def test_model_status_lists_versions(channel: grpc.Channel) -> None:
    model = model_service_pb2_grpc.ModelServiceStub(channel)
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = "toy"
    (status,) = model.GetModelStatus(message, timeout=CALL_SECONDS).model_version_status
    assert status.version == 1
    assert status.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
    message.model_spec.version.value = 99
    with pytest.raises(grpc.RpcError, match="Could not find version 99 of model toy") as refusal:
        model.GetModelStatus(message, timeout=CALL_SECONDS)
    assert refusal.value.code() is Status.NOT_FOUND


def test_metadata_describes_the_signatures(stub: Any) -> None:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "toy"
    response = stub.GetModelMetadata(message, timeout=CALL_SECONDS)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert (
        signatures.signature_def["serving_default"].inputs["x"].dtype == tf.float32.as_datatype_enum
    )
    assert response.model_spec.version.value == 1


@pytest.mark.parametrize("fields", [[], ["graph"]])
def test_there_is_no_other_metadata(stub: Any, fields: list[str]) -> None:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    message.model_spec.name = "toy"
    with pytest.raises(grpc.RpcError) as refusal:
        stub.GetModelMetadata(message, timeout=CALL_SECONDS)
    assert refusal.value.code() is Status.INVALID_ARGUMENT
