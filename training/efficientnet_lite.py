"""EfficientNet-Lite0 in plain Keras layers: keras.applications has no such model.

EfficientNet-B0 without squeeze-and-excitation and with ReLU6 for swish (Google's
EfficientNet-Lite, 2020: tensorflow/tpu, models/official/efficientnet/lite). It knows which layer
is which in the published PyTorch file, and no files.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.framework import keras

# Pixels are shifted by the one and divided by the other, as the weights were trained.
MEAN, DEVIATION = 127.0, 128.0
STEM_FILTERS, TOP_FILTERS = 32, 1280
EPSILON = 1e-3

Array = NDArray[np.float32]


class Stage(NamedTuple):
    """Blocks of one width; the first of them has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class _Block(NamedTuple):
    """A stage's block, as Keras' EfficientNets name theirs: ``block6a``."""

    name: str
    stage: Stage
    stride: int


def efficientnet_lite0(pixels: Any) -> Any:
    """Build the convolutions on RGB pixels in 0..255: to ``float32[n, S / 32, S / 32, 1280]``.

    Padding is TensorFlow's "same", as of the weights. Dropout of whole blocks is left out:
    it is for training from nothing.

    Returns:
        A Keras model, its layers with weights named as :func:`from_pytorch` names them.
    """
    layers = keras.layers
    scaled = layers.Rescaling(1 / DEVIATION, -MEAN / DEVIATION, name="rescaling")(pixels)
    stem = layers.Conv2D(STEM_FILTERS, 3, 2, "same", use_bias=False, name="stem_conv")(scaled)
    output = _activated(_normalised(stem, "stem_bn"), "stem_activation")
    for block in _blocks():
        output = _through(block, output)
    top = layers.Conv2D(TOP_FILTERS, 1, use_bias=False, name="top_conv")(output)
    output = _activated(_normalised(top, "top_bn"), "top_activation")
    return keras.Model(pixels, output, name="efficientnet-lite0")


def from_pytorch(tensors: Mapping[str, Array]) -> dict[str, tuple[Array, ...]]:
    """Give each layer's weights in Keras' order and layout, from the PyTorch model's tensors.

    Raises:
        KeyError: a tensor is missing.
    """
    return {name: tuple(_weights(tensors, theirs)) for name, theirs in _names()}


def _through(block: _Block, inputs: Any) -> Any:
    """One inverted residual block (Sandler and others 2018, MobileNetV2)."""
    layers, name, stage = keras.layers, block.name, block.stage
    width, output = inputs.shape[-1], inputs
    if stage.expansion > 1:
        expand = layers.Conv2D(
            width * stage.expansion, 1, use_bias=False, name=f"{name}_expand_conv"
        )
        output = _normalised(expand(output), f"{name}_expand_bn")
        output = _activated(output, f"{name}_expand_activation")
    depthwise = layers.DepthwiseConv2D(
        stage.kernel, block.stride, "same", use_bias=False, name=f"{name}_dwconv"
    )
    output = _activated(_normalised(depthwise(output), f"{name}_bn"), f"{name}_activation")
    project = layers.Conv2D(stage.filters, 1, use_bias=False, name=f"{name}_project_conv")
    output = _normalised(project(output), f"{name}_project_bn")
    if block.stride == 1 and width == stage.filters:
        output = layers.Add(name=f"{name}_add")([output, inputs])
    return output


def _normalised(tensor: Any, name: str) -> Any:
    return keras.layers.BatchNormalization(epsilon=EPSILON, name=name)(tensor)


def _activated(tensor: Any, name: str) -> Any:
    return keras.layers.ReLU(6.0, name=name)(tensor)


def _blocks() -> Iterator[_Block]:
    for number, stage in enumerate(STAGES, start=1):
        for place in range(stage.blocks):
            stride = 1 if place else stage.stride
            yield _Block(f"block{number}{chr(ord('a') + place)}", stage, stride)


def _names() -> Iterator[tuple[str, str]]:
    """Yield each layer with weights, and what the PyTorch model calls it."""
    yield from (("stem_conv", "_conv_stem"), ("stem_bn", "_bn0"))
    for number, block in enumerate(_blocks()):
        ours, theirs = block.name, f"_blocks.{number}"
        if block.stage.expansion > 1:
            yield f"{ours}_expand_conv", f"{theirs}._expand_conv"
            yield f"{ours}_expand_bn", f"{theirs}._bn0"
        yield f"{ours}_dwconv", f"{theirs}._depthwise_conv"
        yield f"{ours}_bn", f"{theirs}._bn1"
        yield f"{ours}_project_conv", f"{theirs}._project_conv"
        yield f"{ours}_project_bn", f"{theirs}._bn2"
    yield from (("top_conv", "_conv_head"), ("top_bn", "_bn1"))


def _weights(tensors: Mapping[str, Array], layer: str) -> Iterator[Array]:
    if f"{layer}.running_mean" in tensors:
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield tensors[f"{layer}.{part}"]
        return
    # OIHW becomes HWIO; a depthwise kernel, C1HW, becomes HWC1.
    axes = (2, 3, 0, 1) if layer.endswith("_depthwise_conv") else (2, 3, 1, 0)
    yield tensors[f"{layer}.weight"].transpose(axes)
