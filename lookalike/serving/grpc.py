"""TensorFlow Serving over gRPC: bulk extraction, in batches."""

import re
from typing import Any, Final

import grpc
import numpy as np

from lookalike.errors import (
    BatchTooLarge,
    ModelServerBusy,
    ModelServerError,
    ModelServerRejected,
    ModelServerUnavailable,
    ModelVersionUnavailable,
)
from lookalike.picture.contract import Pixels
from lookalike.serving.base import INPUT, OUTPUT, SIGNATURE, ModelAddress, checked, raw_rows
from lookalike.serving.messages import (
    AVAILABLE,
    DT_STRING,
    GetModelStatusRequest,
    PredictRequest,
    get_model_status,
    predict,
)
from lookalike.vectors import Vectors

OPTIONS: Final = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A headless Service behind dns:/// names every pod; spread over all of them.
    ("grpc.lb_policy_name", "round_robin"),
    # By default tries to reach a server that restarts come up to two minutes apart.
    ("grpc.max_reconnect_backoff_ms", 2000),
]
# It runs and has too much to do: its queue is full, or the answer took too long.
BUSY: Final = frozenset({grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED})
QUEUE_FULL: Final = "batch scheduling queue"
AWAY: Final = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED}
)
REFUSED: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


# TensorFlow Serving's batching, gRPC's limit of a message, and a GPU that is out of memory.
TOO_LARGE: Final = re.compile(
    r"larger than maximum input batch size (\d+)|message larger than max|OOM when allocating"
)


class GrpcEmbedder:
    """An :class:`~lookalike.serving.base.Embedder` over gRPC; safe to share between threads.

    Args:
        target: gRPC target, such as ``127.0.0.1:8500`` or ``dns:///host:8500``.
        address: which model, and what it takes and gives.
        timeout: seconds that one call may take.
    """

    def __init__(self, target: str, address: ModelAddress, *, timeout: float = 60.0) -> None:
        self._target, self._address, self._timeout = target, address, timeout
        self._channel = grpc.insecure_channel(target, options=OPTIONS)
        self._predict = predict(self._channel)
        self._status = get_model_status(self._channel)

    def embed(self, pixels: Pixels) -> Vectors:
        """See :meth:`lookalike.serving.base.Embedder.embed`."""
        rows = raw_rows(pixels, self._address)
        request = PredictRequest()
        self._name(request.model_spec)
        request.model_spec.version.value = self._address.version
        request.model_spec.signature_name = SIGNATURE
        tensor = request.inputs.add(key=INPUT).value
        tensor.dtype = DT_STRING
        tensor.tensor_shape.dim.add().size = len(rows)
        tensor.string_val.extend(row.tobytes() for row in rows)
        response = self._call(self._predict, request)
        return checked(_vectors(response), len(rows), self._address)

    def available_versions(self) -> set[int]:
        """See :meth:`lookalike.serving.base.Embedder.available_versions`."""
        request = GetModelStatusRequest()
        self._name(request.model_spec)
        try:
            response = self._call(self._status, request)
        except ModelVersionUnavailable:
            return set()
        return {
            status.version for status in response.model_version_status if status.state == AVAILABLE
        }

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _name(self, spec: Any) -> None:
        spec.name = self._address.name

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def _error(self, error: Any) -> ModelServerError:
        code, text = error.code(), f"{error.code().name}: {str(error.details())[:500]}"
        if code == grpc.StatusCode.NOT_FOUND:
            return ModelVersionUnavailable(
                f"the model server does not serve {self._address.name} version "
                f"{self._address.version} ({text})"
            )
        if code in BUSY | REFUSED and (large := TOO_LARGE.search(text)):
            most = int(large[1]) if large[1] else None
            return BatchTooLarge(f"the model server takes fewer pictures at once ({text})", most)
        if code in BUSY or (code in AWAY and QUEUE_FULL in text):
            return ModelServerBusy(f"the model server has too much to do ({text})")
        if code in AWAY:
            return ModelServerUnavailable(
                f"the model server at {self._target} is not available ({text}); "
                "is it running (lookalike model-server)?"
            )
        if code in REFUSED:
            return ModelServerRejected(f"the model server refused the request ({text})")
        return ModelServerError(f"the model server failed ({text})")


def _vectors(response: Any) -> Vectors:
    """Read ``dense_1`` from either of the two ways that a TensorProto carries floats."""
    outputs = {output.key: output.value for output in response.outputs}
    if OUTPUT not in outputs:
        raise ModelServerRejected(f"the model server's answer has no output {OUTPUT!r}")
    tensor = outputs[OUTPUT]
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    flat = (
        np.frombuffer(tensor.tensor_content, dtype="<f4")
        if tensor.tensor_content
        else np.fromiter(tensor.float_val, dtype=np.float32)
    )
    if len(shape) != 2 or flat.size != shape[0] * shape[1]:
        raise ModelServerRejected(f"the model server answered a tensor of shape {shape}")
    return flat.reshape(shape).astype(np.float32, copy=False)
