"""The SavedModel of contract 2: raw RGB bytes in, ``dense_1`` out, nothing left to a caller."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.warmup import write_warmup
from lookalike.errors import ConfigurationError
from lookalike.picture.contract import CHANNELS, PictureContract
from lookalike.serving.base import INPUT, OUTPUT, SIGNATURE, Pixels
from lookalike.vectors import SAME_DEVICE_TOLERANCE, Vectors, unit
from training.framework import keras
from training.framework import tensorflow as tf
from training.model import EMBEDDING_LAYER

CHECK_PICTURES = 4
CHECK_SEED = 20


def cut(model: Any) -> Any:
    """Give the part of a whole Keras model that ends at ``dense_1``."""
    return keras.Model(model.input, model.get_layer(EMBEDDING_LAYER).output)


def write_saved_model(
    embedder: Any, contract: PictureContract, folder: Path, model_name: str
) -> None:
    """Write the SavedModel with its one signature and its warm-up records.

    The graph reshapes to ``[n, S, S, 3]`` with n from the input: a string of a wrong
    length fails instead of becoming two rows.

    Args:
        embedder: Keras model from ``[n, S, S, 3]`` RGB pixels to ``float32[n, d]``.
        contract: gives S.
        folder: an existing folder; ``saved_model.pb`` and the variables go into it.
        model_name: what requests will call the model, for the warm-up records.
    """
    side = contract.size

    def serve(pixels_bytes: Any) -> dict[str, Any]:
        flat = tf.io.decode_raw(pixels_bytes, tf.uint8)
        pixels = tf.reshape(flat, [tf.shape(pixels_bytes)[0], side, side, CHANNELS])
        return {OUTPUT: embedder(tf.cast(pixels, tf.float32), training=False)}

    # Keras' own exporter makes the variables known to the graph's restore operation, which
    # is what TensorFlow Serving runs; tf.saved_model.save does so only for its own loader. The
    # endpoint brings them along: to track the embedder besides would write each twice.
    archive = keras.export.ExportArchive()
    archive.add_endpoint(SIGNATURE, serve, [tf.TensorSpec([None], tf.string, name=INPUT)])
    archive.write_out(str(folder), verbose=False)
    write_warmup(folder, model_name, contract)


def check_agreement(embedder: Any, contract: PictureContract, folder: Path) -> None:
    """Load the SavedModel in plain TensorFlow and hold its vectors against Keras'.

    Raises:
        ConfigurationError: they differ by more than the contract's tolerance.
    """
    pixels = np.random.default_rng(CHECK_SEED).integers(
        0, 256, (CHECK_PICTURES, contract.size, contract.size, CHANNELS), dtype=np.uint8
    )
    expected = np.asarray(embedder(pixels.astype(np.float32), training=False))
    worst = _worst_distance(run_saved_model(folder, pixels), expected)
    if worst > SAME_DEVICE_TOLERANCE:
        raise ConfigurationError(
            f"the exported model differs from the Keras model by {worst:.2g} "
            f"(at most {SAME_DEVICE_TOLERANCE:g} is right); nothing was exported"
        )


def run_saved_model(folder: Path, pixels: Pixels) -> Vectors:
    """Embed ``uint8[n, S, S, 3]`` through the SavedModel's signature, without a server."""
    loaded = tf.saved_model.load(str(folder))
    rows = tf.constant([row.tobytes() for row in pixels])
    return np.asarray(loaded.signatures[SIGNATURE](**{INPUT: rows})[OUTPUT], dtype=np.float32)


def _worst_distance(left: Vectors, right: npt.NDArray[np.float32]) -> float:
    return float(np.linalg.norm(unit(left) - unit(right), axis=1).max())
