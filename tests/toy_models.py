"""Tiny SavedModels with the real models' signatures, written in well under a second each.

For tests that need a model server but no pretrained weights. Nothing here says
anything about quality: the weights are random, drawn from the seed.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf

MEAN_BGR = (103.939, 116.779, 123.68)


class ToyEmbedder(tf.Module):
    """A strided convolution, pooling and a dense layer with ReLU behind ``pixels_bytes``."""

    def __init__(self, size: int, dimensions: int, seed: int) -> None:
        super().__init__()
        draw = np.random.default_rng(seed)
        self._size = size
        self._kernel = tf.Variable(draw.normal(0, 0.02, (4, 4, 3, 32)).astype(np.float32))
        self._dense = tf.Variable(draw.normal(0, 0.2, (32 * 4, dimensions)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="pixels_bytes")])
    def serve(self, pixels_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Embed raw RGB bytes, string [n] to float32 [n, dimensions]."""
        flat = tf.reshape(self._pooled(pixels_bytes), [-1, 32 * 4])
        return {"dense_1": tf.nn.relu(tf.matmul(flat, self._dense))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="pixels_bytes")])
    def explain(self, pixels_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Give what each quarter of the picture adds, float32 [n, 2, 2, dimensions]."""
        quarters = tf.reshape(self._dense, [2, 2, 32, -1])
        return {"parts": tf.einsum("nhwc,hwcd->nhwd", self._pooled(pixels_bytes), quarters)}

    def _pooled(self, pixels_bytes: tf.Tensor) -> tf.Tensor:
        shape = [tf.shape(pixels_bytes)[0], self._size, self._size, 3]
        pixels = tf.reshape(tf.io.decode_raw(pixels_bytes, tf.uint8), shape)
        blue_green_red = tf.cast(pixels, tf.float32)[..., ::-1] - tf.constant(MEAN_BGR)
        features = tf.nn.relu(tf.nn.conv2d(blue_green_red, self._kernel, 4, "SAME"))
        window = self._size // 8
        return tf.nn.avg_pool2d(features, window, window, "VALID")


def write_toy_embedder(
    folder: Path, version: int, *, size: int = 32, dimensions: int = 128, seed: int = 0
) -> Path:
    """Write ``folder/<version>`` with the production signature, and give that path.

    Args:
        folder: the model's base path, such as ``models/embedder``; made where missing.
        version: the numeric sub-directory's name.
        size: side of a picture in pixels, a multiple of 8; one string is size·size·3 bytes.
        dimensions: length of a vector of ``dense_1``.
        seed: equal seeds give equal weights.
    """
    module = ToyEmbedder(size, dimensions, seed)
    signatures = {"serving_default": module.serve, "parts": module.explain}
    return write_module(module, folder, version, signatures)


def write_module(
    module: tf.Module, folder: Path, version: int, signatures: dict[str, object]
) -> Path:
    """Save ``module`` as ``folder/<version>``, put into place by one rename."""
    unfinished = folder / f"writing-{version}"
    tf.saved_model.save(module, str(unfinished), signatures=signatures)
    return unfinished.rename(folder / str(version))
