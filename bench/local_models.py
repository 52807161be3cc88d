"""The models that ``bench.embedding`` serves, written to disk and run without a transport."""

from pathlib import Path
from typing import Any

import numpy as np

from export.saved_model import cut, write_saved_model
from lookalike.picture.contract import CHANNELS, Pixels
from lookalike.serving import ModelAddress
from lookalike.serving.base import INPUT, OUTPUT, SIGNATURE
from lookalike.vectors import Vectors
from model_server.metrics import Metrics
from model_server.model import ServedVersion
from model_server.options import BatchingParameters
from model_server.servable import Servable
from training.backbones import BACKBONES
from training.framework import keras
from training.framework import tensorflow as tf
from training.model import (
    EMBEDDING_DIMENSIONS,
    EMBEDDING_LAYER,
    POOLED,
    build_base,
    build_head,
    build_model,
)
from training.request import DEFAULT_BACKBONE, BackboneName

CATEGORIES = 2  # the softmax is cut off
CENTRE = 4  # side of what the trivial model sees, in pixels


def production_model(size: int, backbone: BackboneName = DEFAULT_BACKBONE) -> Any:
    """Build a backbone up to dense_1, with random weights: they compute as long as trained ones."""
    head = build_head(CATEGORIES, dimensions=BACKBONES[backbone].dimensions)
    return cut(build_model(build_base(size, backbone=backbone), head))


def trivial_model(size: int) -> Any:
    """Build a model that looks at the centre of the picture and computes next to nothing."""
    layers = keras.layers
    pixels = keras.Input((size, size, CHANNELS))
    centre = layers.Cropping2D((size - CENTRE) // 2)(pixels)
    pooled = layers.GlobalAveragePooling2D(name=POOLED)(centre)
    dense = layers.Dense(EMBEDDING_DIMENSIONS, activation="relu", name=EMBEDDING_LAYER)
    return keras.Model(pixels, dense(pooled))


def write_version(embedder: Any, folder: Path, address: ModelAddress) -> None:
    """Export a Keras model from pixels to vectors as the version that ``address`` names."""
    version = folder / str(address.version)
    version.mkdir()
    write_saved_model(embedder, address.picture, version, address.name)


class Bare:
    """The SavedModel as plain TensorFlow loads it: nothing around it.

    Args:
        folder: of the version.
    """

    def __init__(self, folder: Path) -> None:
        self._loaded = tf.saved_model.load(str(folder))  # owns the variables
        self._signature = self._loaded.signatures[SIGNATURE]

    def embed(self, pixels: Pixels) -> Vectors:
        """Embed ``uint8[n, S, S, 3]`` into ``float32[n, 128]``."""
        rows = tf.constant([row.tobytes() for row in pixels])
        # By keyword: given by position, TensorFlow 2.21 fails inside, prints all the strings
        # into a message that nobody sees, and only then calls; 5 ms a picture.
        return np.asarray(self._signature(**{INPUT: rows})[OUTPUT].numpy(), dtype=np.float32)


class InProcess:
    """The model server's own way to a vector, its queue included, without a transport.

    Args:
        folder: of the version.
        batching: as the server that it is compared with.
    """

    def __init__(self, folder: Path, batching: BatchingParameters) -> None:
        self._served = ServedVersion("bench", 1, Servable(folder), batching, Metrics())
        self._signature = self._served.servable.signatures[SIGNATURE]

    def embed(self, pixels: Pixels) -> Vectors:
        """Embed ``uint8[n, S, S, 3]`` into ``float32[n, 128]``."""
        rows = np.array([row.tobytes() for row in pixels], dtype=object)
        outputs = self._served.predict(self._signature, {INPUT: rows})
        return np.asarray(outputs[OUTPUT], dtype=np.float32)

    def close(self) -> None:
        """Free the model and its threads."""
        self._served.close()
