"""One SavedModel with a signature for every shape and dtype that the conformance test needs."""

from pathlib import Path

import tensorflow as tf

from tests.toy_models import write_module

NAME = "toy"
ECHOED = (
    *("float32", "float64", "float16", "bool", "string"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)


def _spec(name: str, *shape: int | None, dtype: tf.DType = tf.float32) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype, name=name)


class Toy(tf.Module):
    """Functions whose results are easy to say beforehand."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])

    @tf.function(input_signature=[_spec("x", None, 4)])
    def project(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.matmul(x, self.weights)}

    @tf.function(input_signature=[_spec("doc", None, dtype=tf.string), _spec("x", None, 2)])
    def two(self, doc: tf.Tensor, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"doc_bytes": tf.identity(doc), "total": tf.reduce_sum(x, axis=1)}

    @tf.function(input_signature=[_spec("x")])
    def scalar(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * 2.0}

    @tf.function(input_signature=[_spec("x", None)])
    def halves(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.cast(x, tf.float16)}

    @tf.function(input_signature=[_spec("x", None)])
    def total(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.reduce_sum(x)}

    @tf.function(input_signature=[_spec("a", None), _spec("b", None)])
    def uneven(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"a2": a * 2.0, "b2": tf.concat([b, b], 0)}

    @tf.function(input_signature=[_spec("steps", None)])
    def slow(self, steps: tf.Tensor) -> dict[str, tf.Tensor]:
        """Work for about ten microseconds a step; can be interrupted between steps."""
        last = tf.cast(tf.reduce_max(steps), tf.int32)
        _, y = tf.while_loop(
            lambda step, _: step < last,
            lambda step, y: (step + 1, tf.sin(y)),
            (0, steps),
            parallel_iterations=1,
        )
        return {"y": y}


def _echo(dtype: str) -> tf.types.experimental.PolymorphicFunction:
    kind = tf.as_dtype(dtype)
    return tf.function(
        lambda x: {"y": tf.identity(x)}, input_signature=[tf.TensorSpec(None, kind, name="x")]
    )


def write_toy_signatures(folder: Path, version: int = 1) -> Path:
    """Write ``folder/<version>``: the functions above, and one echo a dtype."""
    toy = Toy()
    toy.echoes = {dtype: _echo(dtype) for dtype in ECHOED}
    named = ("two", "scalar", "halves", "total", "uneven", "slow")
    signatures = {
        "serving_default": toy.project,
        **{name: getattr(toy, name) for name in named},
        **toy.echoes,
    }
    return write_module(toy, folder, version, signatures)
