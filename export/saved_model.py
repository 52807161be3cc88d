"""The SavedModel of contract 2: raw RGB bytes in, ``dense_1`` out, nothing left to a caller."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.warmup import write_warmup
from lookalike.errors import ConfigurationError
from lookalike.picture.contract import CHANNELS, PictureContract, Pixels
from lookalike.serving.base import INPUT, OUTPUT, PARTS, SIGNATURE, Parts
from lookalike.vectors import SAME_DEVICE_TOLERANCE, Vectors, unit
from training.framework import keras, writing
from training.framework import tensorflow as tf
from training.model import EMBEDDING_LAYER, POOLED

CHECK_PICTURES = 4
CHECK_SEED = 20


def cut(model: Any) -> Any:
    """Give the part of a whole Keras model that ends at ``dense_1``."""
    return keras.Model(model.input, model.get_layer(EMBEDDING_LAYER).output)


def parts_of(embedder: Any) -> Any:
    """Give the function of pixels ``[n, S, S, 3]`` that tells what each place adds to ``dense_1``.

    The mean over the places of the last convolution, and dense_1 up to its ReLU, are linear:
    dense_1 of a place, divided by how many there are, is what that place adds, to the last
    digit. An explanation by gradients or by hiding parts would only come near to it.

    Args:
        embedder: of :func:`cut`.
    """
    dense, places = embedder.get_layer(EMBEDDING_LAYER), embedder.get_layer(POOLED).input
    convolutions = keras.Model(embedder.input, places)

    def parts(pixels: Any) -> Any:
        features = tf.cast(convolutions(pixels, training=False), tf.float32)
        count = tf.cast(tf.shape(features)[1] * tf.shape(features)[2], tf.float32)
        return (tf.tensordot(features, dense.kernel, 1) + dense.bias) / count

    return parts


def write_saved_model(
    embedder: Any, contract: PictureContract, folder: Path, model_name: str
) -> None:
    """Write the SavedModel with its two signatures and its warm-up records.

    The graph reshapes to ``[n, S, S, 3]`` with n from the input: a string of a wrong
    length fails instead of becoming two rows.

    Args:
        embedder: Keras model from ``[n, S, S, 3]`` RGB pixels to ``float32[n, d]``.
        contract: gives S.
        folder: an existing folder; ``saved_model.pb`` and the variables go into it.
        model_name: what requests will call the model, for the warm-up records.
    """
    side, parts = contract.size, parts_of(embedder)

    def pixels(pixels_bytes: Any) -> Any:
        flat = tf.io.decode_raw(pixels_bytes, tf.uint8)
        square = tf.reshape(flat, [tf.shape(pixels_bytes)[0], side, side, CHANNELS])
        return tf.cast(square, tf.float32)

    def serve(pixels_bytes: Any) -> dict[str, Any]:
        return {OUTPUT: embedder(pixels(pixels_bytes), training=False)}

    def explain(pixels_bytes: Any) -> dict[str, Any]:
        return {PARTS: parts(pixels(pixels_bytes))}

    # Keras' own exporter makes the variables known to the graph's restore operation, which
    # is what TensorFlow Serving runs; tf.saved_model.save does so only for its own loader. The
    # endpoint brings them along: to track the embedder besides would write each twice.
    archive = keras.export.ExportArchive()
    taken = [tf.TensorSpec([None], tf.string, name=INPUT)]
    archive.add_endpoint(SIGNATURE, serve, taken)
    archive.add_endpoint(PARTS, explain, taken)
    with writing(folder):
        archive.write_out(str(folder), verbose=False)
        write_warmup(folder, model_name, contract)


def check_agreement(embedder: Any, contract: PictureContract, folder: Path) -> None:
    """Load the SavedModel in plain TensorFlow and hold its vectors, and its parts, against Keras'.

    Raises:
        ConfigurationError: they differ by more than the contract's tolerance.
    """
    pixels = np.random.default_rng(CHECK_SEED).integers(
        0, 256, (CHECK_PICTURES, contract.size, contract.size, CHANNELS), dtype=np.uint8
    )
    expected = np.asarray(embedder(pixels.astype(np.float32), training=False))
    summed = run_parts(folder, pixels).sum(axis=(1, 2))
    worst = max(
        _worst_distance(vectors, expected)
        for vectors in (run_saved_model(folder, pixels), np.maximum(summed, 0))
    )
    if worst > SAME_DEVICE_TOLERANCE:
        raise ConfigurationError(
            f"the exported model differs from the Keras model by {worst:.2g} "
            f"(at most {SAME_DEVICE_TOLERANCE:g} is right); nothing was exported"
        )


def run_saved_model(folder: Path, pixels: Pixels) -> Vectors:
    """Embed ``uint8[n, S, S, 3]`` through the SavedModel's signature, without a server."""
    return _run(folder, pixels, SIGNATURE, OUTPUT)


def run_parts(folder: Path, pixels: Pixels) -> Parts:
    """Give what each place adds, ``float32[n, h, w, d]``, likewise."""
    return _run(folder, pixels, PARTS, PARTS)


def _run(folder: Path, pixels: Pixels, signature: str, output: str) -> npt.NDArray[np.float32]:
    loaded = tf.saved_model.load(str(folder))
    rows = tf.constant([row.tobytes() for row in pixels])
    return np.asarray(loaded.signatures[signature](**{INPUT: rows})[output], dtype=np.float32)


def _worst_distance(left: Vectors, right: npt.NDArray[np.float32]) -> float:
    return float(np.linalg.norm(unit(left) - unit(right), axis=1).max())
