"""A SavedModel in memory: loaded once into a session, as TensorFlow Serving loads it.

The session, rather than ``tf.saved_model.load``, is what gives the real server's error
texts. Batching, versions and requests are other modules' business.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from model_server.signature import Array, Signature, TensorInfo, Tensors
from model_server.status import DEADLINE_MESSAGE, Code, Refusal

SERVE_TAG = "serve"

# The loader's advice to move on to TensorFlow 2's is for programs that train.
tf.get_logger().setLevel("ERROR")

_FILE = "saved_model.pb"
_WRAPPING = "Graph execution error:\n\n"  # Python's session puts it before the kernel's message


class Servable:
    """One version of a model that can be run.

    Args:
        folder: a SavedModel with a graph tagged ``serve``.

    Raises:
        Refusal: what is wrong with the folder, in a canonical code.
    """

    def __init__(self, folder: Path) -> None:
        meta_graph = _read_meta_graph(folder)
        self.signature_defs = meta_graph.signature_def
        self.signatures = {
            name: _signature(name, definition)
            for name, definition in meta_graph.signature_def.items()
        }
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=_session_config())
        with ExitStack() as undo:
            undo.callback(self._session.close)
            self._feeds = _load(self._session, folder, meta_graph)
            undo.pop_all()

    def run(
        self,
        signature: Signature,
        inputs: Tensors,
        outputs: tuple[str, ...],
        timeout: float | None = None,
    ) -> dict[str, Array]:
        """Run the graph once.

        Args:
            signature: one of ``signatures``; ``inputs`` were checked against it.
            inputs: an array an input.
            outputs: names of the outputs to compute.
            timeout: seconds; none waits for ever.

        Raises:
            Refusal: what TensorFlow reports, DEADLINE_EXCEEDED past the timeout.
        """
        fetches = {name: signature.outputs[name].tensor for name in outputs}
        feeds = {self._feeds[signature.inputs[name].tensor]: inputs[name] for name in inputs}
        try:
            results = self._session.run(fetches, feeds, options=_run_options(timeout))
        except tf.errors.OpError as error:
            raise _refusal(error) from error
        return {name: _array(result) for name, result in results.items()}

    def close(self) -> None:
        """Free the graph and its variables."""
        self._session.close()


def _read_meta_graph(folder: Path) -> meta_graph_pb2.MetaGraphDef:
    try:
        saved_model = saved_model_pb2.SavedModel.FromString((folder / _FILE).read_bytes())
    except FileNotFoundError as error:
        message = f"Could not find SavedModel .pb or .pbtxt at supplied export directory: {folder}"
        raise Refusal(Code.NOT_FOUND, message) from error
    except DecodeError as error:
        message = f"Can't parse {folder / _FILE} as binary proto"
        raise Refusal(Code.OUT_OF_RANGE, message) from error
    for meta_graph in saved_model.meta_graphs:
        if SERVE_TAG in meta_graph.meta_info_def.tags:
            return meta_graph
    raise Refusal(
        Code.NOT_FOUND,
        f"Could not find meta graph def matching supplied tags: {{ {SERVE_TAG} }} in {folder}",
    )


def _load(
    session: tf.compat.v1.Session, folder: Path, meta_graph: meta_graph_pb2.MetaGraphDef
) -> Mapping[str, tf.Tensor]:
    """Restore the graph, and give the tensor to feed for each input tensor's name."""
    infos = [
        info
        for definition in meta_graph.signature_def.values()
        for info in definition.inputs.values()
    ]
    with session.graph.as_default():
        # Python refuses feeds that contradict a placeholder's shape; the server leaves that
        # to the kernels, so the model's placeholders give way to some of unknown shape.
        feeds = {info.name: tf.compat.v1.placeholder(info.dtype) for info in infos}
        try:
            tf.compat.v1.saved_model.loader.load(session, [SERVE_TAG], str(folder), input_map=feeds)
        except tf.errors.OpError as error:
            raise _refusal(error) from error
    return feeds


def _signature(name: str, definition: meta_graph_pb2.SignatureDef) -> Signature:
    inputs, outputs = (
        {alias: _tensor_info(info) for alias, info in sorted(infos.items())}
        for infos in (definition.inputs, definition.outputs)
    )
    return Signature(name, inputs, outputs)


def _tensor_info(info: meta_graph_pb2.TensorInfo) -> TensorInfo:
    shape = info.tensor_shape
    return TensorInfo(
        tensor=info.name,
        dtype=types_pb2.DataType.Name(info.dtype).removeprefix("DT_").lower(),
        shape=None if shape.unknown_rank else tuple(dimension.size for dimension in shape.dim),
    )


def _array(result: Array | bytes) -> Array:
    # The session gives a lone string as bytes, which numpy would make of fixed length.
    return np.array(result, dtype=object) if isinstance(result, bytes) else np.asarray(result)


def _session_config() -> tf.compat.v1.ConfigProto:
    # A version that is being loaded must find memory beside those that are served.
    return tf.compat.v1.ConfigProto(gpu_options=tf.compat.v1.GPUOptions(allow_growth=True))


def _run_options(timeout: float | None) -> tf.compat.v1.RunOptions | None:
    if timeout is None:
        return None
    # Zero would mean no limit at all.
    return tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(timeout * 1000)))


def _refusal(error: tf.errors.OpError) -> Refusal:
    code = Code(error.error_code)
    if code is Code.DEADLINE_EXCEEDED:
        return Refusal(code, DEADLINE_MESSAGE)
    return Refusal(code, error.message.removeprefix(_WRAPPING))
