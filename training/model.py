"""The model: VGG16 without its top, pooled, then dense_1 and a softmax over the categories.

Definition, saving and loading only; it knows no pictures, no files of weights, no training.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import ConfigurationError
from lookalike.picture.contract import CHANNELS
from training.framework import keras, saving
from training.precision import Precision

BACKBONE = "vgg16"
PREPROCESS = "rgb_to_bgr_minus_mean"
POOLED = "pooled"
POOLED_DIMENSIONS = 512
EMBEDDING_LAYER = "dense_1"
EMBEDDING_DIMENSIONS = 128
PREDICTIONS = "predictions"
# Means of ImageNet's blue, green and red, subtracted as VGG16 was trained (Simonyan and
# Zisserman 2014; Caffe's order and values, as in keras.applications).
BGR_MEANS = (103.939, 116.779, 123.68)

Layers = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]


def build_base(size: int, weights: Layers | None = None, precision: Precision = "float32") -> Any:
    """Build the frozen base: RGB pixels ``[n, size, size, 3]`` in 0..255 to ``float32[n, 512]``.

    Args:
        size: side of the pictures, in pixels, 32 or more.
        weights: kernel and bias of each of the 13 convolutions, by layer name; random
            without.
        precision: that the convolutions compute in; weights and features are float32 in any.
    """
    pixels = keras.Input((size, size, CHANNELS), name="pixels")
    preprocessed = _preprocessed(pixels)
    with _computing_in(precision):
        vgg16 = keras.applications.VGG16(include_top=False, weights=None, input_tensor=preprocessed)
    for name, layer in (weights or {}).items():
        vgg16.get_layer(name).set_weights(list(layer))
    # In float32 by its own policy: a mean over many places needs the digits.
    pooled = keras.layers.GlobalAveragePooling2D(name=POOLED)(vgg16.output)
    base = keras.Model(pixels, pooled, name=BACKBONE)
    base.trainable = False
    return base


def fast_base(size: int, weights: Layers, precision: Precision) -> tuple[Precision, Any] | None:
    """Build the base in a faster precision, for augmented views; None: it is none of its own."""
    return None if precision == "float32" else (precision, build_base(size, weights, precision))


def build_head(categories: int, dropout: float = 0.0) -> Any:
    """Build the trained part: ``float32[n, 512]`` to the categories' probabilities."""
    pooled = keras.Input((POOLED_DIMENSIONS,), name="features")
    dropped = keras.layers.Dropout(dropout, name="dropout")(_dense_1(pooled))
    predicted = keras.layers.Dense(categories, activation="softmax", name=PREDICTIONS)(dropped)
    return keras.Model(pooled, predicted, name="head")


def build_embedder(dimensions: int) -> Any:
    """Build dense_1 alone: ``float32[n, dimensions]`` to ``float32[n, 128]``."""
    pooled = keras.Input((dimensions,), name="features")
    return keras.Model(pooled, _dense_1(pooled), name="embedder")


def build_model(base: Any, head: Any) -> Any:
    """Join base and a copy of the head into one model of plain layers, cut as one likes."""
    output = base.output
    for layer in head.layers[1:]:
        copied = layer.from_config(layer.get_config())
        output = copied(output)
        copied.set_weights(layer.get_weights())
    return keras.Model(base.input, output, name="lookalike")


def base_of(model: Any) -> Any:
    """Take the base out of a whole model: pixels to the pooled ``float32[n, 512]``.

    Raises:
        ConfigurationError: the model has no pooled layer.
    """
    _require(model, POOLED)
    base = keras.Model(model.input, model.get_layer(POOLED).output, name=BACKBONE)
    base.trainable = False
    return base


def weights_sha256(model: Any) -> str:
    """Digest a model's numbers, equal for equal weights from different files."""
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    return digest.hexdigest()


def embedder_of(model: Any) -> Any:
    """Take what lies between the pooled features and dense_1: ``[n, 512]`` to ``[n, 128]``.

    Args:
        model: a head of build_head, or a whole model.
    """
    names = [layer.name for layer in model.layers]
    first = names.index(POOLED) + 1 if POOLED in names else 1
    features = keras.Input((POOLED_DIMENSIONS,), name="features")
    output = features
    for layer in model.layers[first : names.index(EMBEDDING_LAYER) + 1]:
        output = layer(output)
    return keras.Model(features, output, name="embedder")


def load_model(path: Path) -> Any:
    """Load a whole model from ``.keras`` or ``.h5``, without running any code in it.

    Raises:
        ConfigurationError: the file is missing, is no Keras model, or has no dense_1.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path} does not exist: train a model first")
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} cannot be loaded as a Keras model: {error}") from error
    _require(model, EMBEDDING_LAYER)
    return model


def save_model(model: Any, path: Path) -> None:
    """Save a whole model; ``path`` ends with ``.keras``, or with ``.h5`` for the older format."""
    with saving():
        model.save(path)


def _dense_1(pooled: Any) -> Any:
    layer = keras.layers.Dense(EMBEDDING_DIMENSIONS, activation="relu", name=EMBEDDING_LAYER)
    return layer(pooled)


@contextmanager
def _computing_in(precision: Precision) -> Iterator[None]:
    """Let layers that are made meanwhile compute in a precision."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def _preprocessed(pixels: Any) -> Any:
    """Turn RGB to BGR and subtract the means, as one fixed 1x1 convolution.

    A plain layer loads in safe mode from every Keras format; integers up to 255 pass
    through it exactly, in TensorFloat-32 too.
    """
    convolution = keras.layers.Conv2D(CHANNELS, 1, trainable=False, name=PREPROCESS)
    preprocessed = convolution(pixels)
    rgb_to_bgr = np.eye(CHANNELS, dtype=np.float32)[::-1]
    convolution.set_weights([rgb_to_bgr[None, None], -np.array(BGR_MEANS, np.float32)])
    return preprocessed


def _require(model: Any, layer: str) -> None:
    if layer not in {found.name for found in model.layers}:
        raise ConfigurationError(
            f"the model has no layer {layer}: it was not made by 'lookalike train'"
        )
