"""Tensors in protocol buffers, to and from arrays, as TensorFlow Serving reads and writes.

Only the conversion: what may be in a request is the signature's business.
"""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from model_server.signature import Array, dtype_name
from model_server.status import invalid

# Replies carry values in these fields, not in tensor_content (Tensor::AsProtoField).
_VALUE_FIELDS = {
    "float": "float_val",
    "double": "double_val",
    "int8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "bool": "bool_val",
    "string": "string_val",
}


# What TensorFlow raises for tensors that are none; KeyError is that of a dtype without values.
_UNREADABLE = (TypeError, ValueError, OverflowError, KeyError, MemoryError)


def arrays_from_request(request: predict_pb2.PredictRequest) -> dict[str, Array]:
    """Read a request's inputs; strings become bytes in object arrays.

    Raises:
        Refusal: INVALID_ARGUMENT for a tensor whose values do not fill its shape or are none of
            its dtype, whose dtype has no values, or that is larger than memory.
    """
    return {name: _array(name, tensor) for name, tensor in request.inputs.items()}


def tensor_from_array(array: Array) -> tensor_pb2.TensorProto:
    """Write one output."""
    field = _VALUE_FIELDS.get(dtype_name(array))
    if field is None:
        return tf.make_tensor_proto(array)
    tensor = tensor_pb2.TensorProto(dtype=tf.as_dtype(array.dtype).as_datatype_enum)
    tensor.tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
    getattr(tensor, field).extend(array.reshape(-1).tolist())
    return tensor


def _array(name: str, tensor: tensor_pb2.TensorProto) -> Array:
    try:
        return np.asarray(tf.make_ndarray(tensor))
    except _UNREADABLE as error:
        raise invalid(f"tensor parsing error: {name}") from error
