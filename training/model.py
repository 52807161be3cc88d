"""The model: a backbone without its top, pooled, then dense_1 and a softmax over the categories.

Definition, saving and loading only; it knows no pictures, no files of weights, no training.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lookalike.errors import ConfigurationError
from lookalike.picture.contract import CHANNELS
from training.backbones import BACKBONES, PREPROCESS
from training.framework import keras, saving
from training.precision import Precision
from training.request import DEFAULT_BACKBONE, BackboneName
from training.wheels import Layers

POOLED = "pooled"
EMBEDDING_LAYER = "dense_1"
EMBEDDING_DIMENSIONS = 128
PREDICTIONS = "predictions"


def build_base(
    size: int,
    weights: Layers | None = None,
    precision: Precision = "float32",
    backbone: BackboneName = DEFAULT_BACKBONE,
) -> Any:
    """Build the frozen base: RGB pixels ``[n, size, size, 3]`` in 0..255 to ``float32[n, d]``.

    Args:
        size: side of the pictures, in pixels, 32 or more.
        weights: of each layer that has any, by its name; random without.
        precision: that the convolutions compute in; weights and features are float32 in any.
        backbone: what is built; it decides d.
    """
    pixels = keras.Input((size, size, CHANNELS), name="pixels")
    with _computing_in(precision):
        convolutions = BACKBONES[backbone].convolutions(pixels)
    for name, layer in (weights or {}).items():
        convolutions.get_layer(name).set_weights(list(layer))
    # In float32 by its own policy: a mean over many places needs the digits.
    pooled = keras.layers.GlobalAveragePooling2D(name=POOLED)(convolutions.output)
    base = keras.Model(pixels, pooled, name=backbone)
    base.trainable = False
    return base


class Cut(NamedTuple):
    """A base in two, before one of its layers.

    Attributes:
        trunk: pixels to that layer's input, flat: ``[n, m]``.
        tail: this to the base's features ``float32[n, d]``. Its layers can be trained, but
            for BatchNormalization (a few pictures a step would spoil the means that it
            learned from millions) and the preprocessing.
    """

    trunk: Any
    tail: Any


def cut_before(base: Any, first: str) -> Cut:
    """Cut a base before a layer, so that what comes before has to be computed once.

    Both halves keep the base's own layers: what tunes the tail tunes the base.

    Raises:
        ConfigurationError: there is no such layer, data go past it, or nothing from it on can
            be tuned.
    """
    names = [layer.name for layer in base.layers]
    if first not in names[1:-1]:
        raise ConfigurationError(f"{base.name} has no layer {first}: {_where_to_cut(base)}")
    between = base.get_layer(first).input
    rest = None if isinstance(between, list) else _model_from(between, base.output)
    if rest is None:
        raise ConfigurationError(
            f"{base.name} cannot be cut before {first}, which data go past: {_where_to_cut(base)}"
        )
    rest.trainable = True
    for layer in rest.layers:
        fixed = isinstance(layer, keras.layers.BatchNormalization) or layer.name == PREPROCESS
        layer.trainable = not fixed
    if not rest.trainable_weights:
        raise ConfigurationError(
            f"{base.name} has nothing to tune from {first} on: {_where_to_cut(base)}"
        )
    trunk = keras.Model(base.input, keras.layers.Flatten()(between), name=f"{base.name}_trunk")
    flat = keras.Input(trunk.output_shape[1:], name="trunk_features")
    whole = keras.layers.Reshape(between.shape[1:])(flat)
    return Cut(trunk, keras.Model(flat, rest(whole), name=f"{base.name}_tail"))


def _model_from(tensor: Any, output: Any) -> Any | None:
    """Build what comes from one tensor alone; None where the output needs others too."""
    try:
        return keras.Model(tensor, output)
    except ValueError:
        return None


def _where_to_cut(base: Any) -> str:
    return f"its last stage begins with {BACKBONES[base.name].last_stage}"


def fast_base(
    size: int, weights: Layers, precision: Precision, backbone: BackboneName = DEFAULT_BACKBONE
) -> tuple[Precision, Any] | None:
    """Build the base in a faster precision, for augmented views; None: nothing gains by it."""
    if precision == "float32" or not BACKBONES[backbone].gains_by_bfloat16:
        return None
    return precision, build_base(size, weights, precision, backbone)


def build_head(
    categories: int,
    dropout: float = 0.0,
    dimensions: int = BACKBONES[DEFAULT_BACKBONE].dimensions,
) -> Any:
    """Build the trained part: ``float32[n, dimensions]`` to the categories' probabilities."""
    pooled = keras.Input((dimensions,), name="features")
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
    """Take the base out of a whole model: pixels to the pooled ``float32[n, d]``.

    Raises:
        ConfigurationError: the model has no pooled layer.
    """
    _require(model, POOLED)
    base = keras.Model(model.input, model.get_layer(POOLED).output, name="base")
    base.trainable = False
    return base


def weights_sha256(model: Any) -> str:
    """Digest a model's numbers, equal for equal weights from different files."""
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    return digest.hexdigest()


def embedder_of(model: Any) -> Any:
    """Take what lies between the pooled features and dense_1: ``[n, d]`` to ``[n, 128]``.

    Args:
        model: a head of build_head, or a whole model.
    """
    names = [layer.name for layer in model.layers]
    first = names.index(POOLED) + 1 if POOLED in names else 1
    features = output = keras.Input(model.layers[first - 1].output.shape[1:], name="features")
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


def check_definition(model: Any, size: int, dimensions: int) -> None:
    """See that a loaded model is one that :func:`build_model` could have made.

    Args:
        model: has a dense_1.
        size: side of the pictures that it is said to take.
        dimensions: that its dense_1 is said to have.

    Raises:
        ConfigurationError: it is another kind of model, or of another size or dimensions.
    """
    _require(model, POOLED)
    if not _is_dense_on_means(model.get_layer(EMBEDDING_LAYER), model.get_layer(POOLED)):
        raise ConfigurationError(
            f"{EMBEDDING_LAYER} is no dense layer with ReLU on the means of {POOLED}: the model "
            "was not made by 'lookalike train'"
        )
    gives = int(model.get_layer(EMBEDDING_LAYER).units)
    takes = tuple(model.inputs[0].shape)
    if takes != (None, size, size, CHANNELS) or gives != dimensions:
        raise ConfigurationError(
            f"the model takes {takes[1:]} and gives {gives} numbers, and its card says "
            f"{(size, size, CHANNELS)} and {dimensions}: put the two that belong together side "
            "by side"
        )


def save_model(model: Any, path: Path) -> None:
    """Save a whole model; ``path`` ends with ``.keras``, or with ``.h5`` for the older format."""
    with saving():
        model.save(path)


def _dense_1(pooled: Any) -> Any:
    layer = keras.layers.Dense(EMBEDDING_DIMENSIONS, activation="relu", name=EMBEDDING_LAYER)
    return layer(pooled)


def _is_dense_on_means(dense: Any, pooled: Any) -> bool:
    return (
        isinstance(pooled, keras.layers.GlobalAveragePooling2D)
        and isinstance(dense, keras.layers.Dense)
        and dense.input is pooled.output
        and dense.activation is keras.activations.relu
    )


@contextmanager
def _computing_in(precision: Precision) -> Iterator[None]:
    """Let layers that are made meanwhile compute in a precision."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def _require(model: Any, layer: str) -> None:
    if layer not in {found.name for found in model.layers}:
        raise ConfigurationError(
            f"the model has no layer {layer}: it was not made by 'lookalike train'"
        )
