"""The messages that are exchanged with TensorFlow Serving over gRPC, and its methods.

``tensorflow_serving.apis`` has them too, and importing it imports TensorFlow, for seconds, into
the memory of each program that only passes bytes on. These are the same on the wire, with those
fields that are used here, in a pool of their own, so that both may be loaded in one process.

Source: tensor.proto and tensor_shape.proto of tensorflow/core/framework; model.proto,
predict.proto, get_model_status.proto and the services' files of tensorflow_serving/apis.
"""

from typing import Any, Final, NamedTuple

import grpc
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

DT_STRING: Final = 7  # tensorflow/core/framework/types.proto
AVAILABLE: Final = 30  # ModelVersionStatus.State

_PACKAGE: Final = "lookalike.serving"
_BYTES: Final = FieldDescriptorProto.TYPE_BYTES
_ENUM: Final = FieldDescriptorProto.TYPE_INT32  # the same on the wire
_FLOAT: Final = FieldDescriptorProto.TYPE_FLOAT
_INT64: Final = FieldDescriptorProto.TYPE_INT64
_STRING: Final = FieldDescriptorProto.TYPE_STRING


class Field(NamedTuple):
    """A field: its number, its type or the message that it holds, and whether it holds several."""

    number: int
    kind: "FieldDescriptorProto.Type.ValueType | str"
    several: bool = False


# A map is, on the wire, several messages of a key and a value each.
MESSAGES: Final[dict[str, dict[str, Field]]] = {
    "Dim": {"size": Field(1, _INT64)},
    "TensorShapeProto": {"dim": Field(2, "Dim", several=True)},
    "TensorProto": {
        "dtype": Field(1, _ENUM),
        "tensor_shape": Field(2, "TensorShapeProto"),
        "tensor_content": Field(4, _BYTES),
        "float_val": Field(5, _FLOAT, several=True),
        "string_val": Field(8, _BYTES, several=True),
    },
    "NamedTensor": {"key": Field(1, _STRING), "value": Field(2, "TensorProto")},
    "Int64Value": {"value": Field(1, _INT64)},
    "ModelSpec": {
        "name": Field(1, _STRING),
        "version": Field(2, "Int64Value"),
        "signature_name": Field(3, _STRING),
    },
    "PredictRequest": {
        "model_spec": Field(1, "ModelSpec"),
        "inputs": Field(2, "NamedTensor", several=True),
    },
    "PredictResponse": {"outputs": Field(1, "NamedTensor", several=True)},
    "GetModelStatusRequest": {"model_spec": Field(1, "ModelSpec")},
    "ModelVersionStatus": {"version": Field(1, _INT64), "state": Field(2, _ENUM)},
    "GetModelStatusResponse": {
        "model_version_status": Field(1, "ModelVersionStatus", several=True)
    },
}


def _described() -> FileDescriptorProto:
    file = FileDescriptorProto(name="serving.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, several) in fields.items():
            added = message.field.add(name=field, number=number)
            added.label = added.LABEL_REPEATED if several else added.LABEL_OPTIONAL
            if isinstance(kind, str):
                added.type, added.type_name = added.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                added.type = kind
    return file


_pool = DescriptorPool()
_pool.Add(_described())


def message_type(name: str) -> Any:
    """Give the class of a message of :data:`MESSAGES`."""
    return GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


PredictRequest = message_type("PredictRequest")
GetModelStatusRequest = message_type("GetModelStatusRequest")


def predict(channel: grpc.Channel) -> Any:
    """Give ``PredictionService.Predict`` of a channel, a callable."""
    return _method(channel, "PredictionService/Predict", "PredictResponse")


def get_model_status(channel: grpc.Channel) -> Any:
    """Give ``ModelService.GetModelStatus`` of a channel, a callable."""
    return _method(channel, "ModelService/GetModelStatus", "GetModelStatusResponse")


def _method(channel: grpc.Channel, name: str, answer: str) -> Any:
    return channel.unary_unary(
        f"/tensorflow.serving.{name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=message_type(answer).FromString,
    )
