"""TensorFlow Serving's gRPC services: Predict, GetModelMetadata and GetModelStatus.

Only the translation between messages and ``manager``; what is not listed here answers
UNIMPLEMENTED by itself.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.message import Message
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
)

from model_server.describe import SIGNATURE_DEF, metadata_response, status_response
from model_server.manager import ModelManager
from model_server.metrics import Metrics
from model_server.protobuf import arrays_from_request, tensor_from_array
from model_server.signature import find_signature
from model_server.status import Code, Refusal, invalid

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"

# Calls that wait for their batch each hold a thread: more than fit into the largest batch
# that is in use, so that the threads never are what keeps a batch small.
THREADS = 128
NO_LIMIT = -1  # the real server takes messages up to INT_MAX

_STATUS_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class GrpcService:
    """The calls, each from its request to its response.

    Args:
        manager: the model's versions.
        metrics: counts and times predict requests.
    """

    def __init__(self, manager: ModelManager, metrics: Metrics) -> None:
        self._manager, self._metrics = manager, metrics

    def predict(
        self, request: predict_pb2.PredictRequest, timeout: float | None
    ) -> predict_pb2.PredictResponse:
        """Run a signature; count and time it under the model's name."""
        started = time.perf_counter()
        name = request.model_spec.name
        try:
            response = self._predict(request, timeout)
        except Refusal as refusal:
            self._metrics.count_request(name, refusal.code.name)
            raise
        elapsed = (time.perf_counter() - started) * 1e6
        self._metrics.count_request(name, Code.OK.name)
        self._metrics.observe_latency(name, "Predict", "GRPC", elapsed)
        return response

    def get_model_metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Describe a version's signatures, the only metadata there is."""
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != SIGNATURE_DEF:
                raise invalid(f"Metadata field {field} is not supported")
        with self._manager.lease(*_address(request)) as served:
            return metadata_response(served)

    def get_model_status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Describe the states of one version, or of all."""
        name, version, _ = _address(request)
        return status_response(self._manager, name, version)

    def _predict(
        self, request: predict_pb2.PredictRequest, timeout: float | None
    ) -> predict_pb2.PredictResponse:
        with self._manager.lease(*_address(request)) as served:
            signature = find_signature(
                served.servable.signatures, request.model_spec.signature_name
            )
            inputs = arrays_from_request(request)
            outputs = served.predict(signature, inputs, list(request.output_filter), timeout)
        return predict_pb2.PredictResponse(
            outputs={name: tensor_from_array(array) for name, array in outputs.items()},
            model_spec=model_pb2.ModelSpec(
                name=served.name,
                version={"value": served.version},
                signature_name=signature.name,
            ),
        )


def make_server(address: str, service: GrpcService) -> tuple[grpc.Server, int]:
    """Make a server that listens on ``host:port``, and give the port it got."""
    options = [
        ("grpc.max_receive_message_length", NO_LIMIT),
        ("grpc.max_send_message_length", NO_LIMIT),
        ("grpc.so_reuseport", 0),  # two servers on one port would share its calls unseen
    ]
    server = grpc.server(ThreadPoolExecutor(THREADS, "grpc"), options=options)
    server.add_generic_rpc_handlers(_handlers(service))
    return server, server.add_insecure_port(address)


def _handlers(
    service: GrpcService,
) -> "list[grpc.GenericRpcHandler[Any, Any]]":  # generic only in the stubs
    prediction = {
        "Predict": _unary(service.predict, predict_pb2.PredictRequest),
        "GetModelMetadata": _unary(
            lambda request, _: service.get_model_metadata(request),
            get_model_metadata_pb2.GetModelMetadataRequest,
        ),
    }
    model = {
        "GetModelStatus": _unary(
            lambda request, _: service.get_model_status(request),
            get_model_status_pb2.GetModelStatusRequest,
        )
    }
    return [
        grpc.method_handlers_generic_handler(PREDICTION_SERVICE, prediction),
        grpc.method_handlers_generic_handler(MODEL_SERVICE, model),
    ]


def _unary(
    call: Callable[[Any, float | None], Message], request_type: type[Message]
) -> "grpc.RpcMethodHandler[Any, Any]":
    """Wrap a call: its deadline becomes the timeout, its refusal the status."""

    def handle(request: Message, context: grpc.ServicerContext) -> Message:
        try:
            return call(request, context.time_remaining())
        except Refusal as refusal:
            context.abort(_STATUS_CODES[refusal.code], refusal.message)

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=request_type.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


def _address(
    request: predict_pb2.PredictRequest
    | get_model_metadata_pb2.GetModelMetadataRequest
    | get_model_status_pb2.GetModelStatusRequest,
) -> tuple[str, int | None, str | None]:
    """Name, version and label that a request asks for."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = request.model_spec
    choice = spec.WhichOneof("version_choice")
    return (
        spec.name,
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
    )
