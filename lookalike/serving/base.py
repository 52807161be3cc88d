"""What a client of the model server is, whatever the transport."""

from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from lookalike.errors import ModelServerRejected
from lookalike.picture.contract import CHANNELS, PictureContract, Pixels
from lookalike.vectors import Vectors

# The signature of contract 2 (DESIGN): raw RGB bytes in, the layer dense_1 out.
SIGNATURE = "serving_default"
INPUT = "pixels_bytes"
OUTPUT = "dense_1"
# A second one, off the hot path: what each place of the picture adds to dense_1.
PARTS = "parts"

# ``float32[n, h, w, d]``: summed over h and w they are dense_1 before its ReLU.
Parts = npt.NDArray[np.float32]


class ModelAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly which model a client talks to, and what that model takes and gives."""

    name: str
    version: int
    picture: PictureContract
    dimensions: int


class Embedder(Protocol):
    """Turns pixels into vectors through one version of a model."""

    def embed(self, pixels: Pixels) -> Vectors:
        """Embed ``uint8[n, S, S, 3]`` RGB pictures into ``float32[n, dimensions]``.

        The rows are ``dense_1`` itself, not normalised; a row may be all zero.

        Raises:
            ModelVersionUnavailable: the server does not have this version (now).
            ModelServerUnavailable: it cannot be reached, is full, or is too slow.
            ModelServerRejected: it refused the request, or answered something else
                than vectors.
        """
        ...

    def available_versions(self) -> set[int]:
        """Name the versions of the model that the server would answer for now."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


def raw_rows(pixels: Pixels, address: ModelAddress) -> list[memoryview]:
    """Split ``uint8[n, S, S, 3]`` into the raw bytes of each picture, without copying.

    One string of a wrong length would fail its whole batch, other callers' rows
    included, so shapes are checked before anything is sent.
    """
    side = address.picture.size
    if pixels.dtype != np.uint8 or pixels.shape[1:] != (side, side, CHANNELS):
        raise ModelServerRejected(
            f"the model takes uint8[n, {side}, {side}, {CHANNELS}], "
            f"not {pixels.dtype}{list(pixels.shape)}"
        )
    return [row.data.cast("B") for row in np.ascontiguousarray(pixels)]


def checked(vectors: Vectors, count: int, address: ModelAddress) -> Vectors:
    """Hold an answer against the question: ``count`` finite rows of the model's length."""
    if vectors.shape != (count, address.dimensions):
        raise ModelServerRejected(
            f"the model server answered {list(vectors.shape)} numbers for {count} pictures; "
            f"{address.name} version {address.version} gives {address.dimensions} each"
        )
    return _finite(vectors)


def checked_parts(parts: Parts, count: int, address: ModelAddress) -> Parts:
    """Hold an answer of the signature ``parts`` against the question likewise."""
    if parts.ndim != 4 or parts.shape[0] != count or parts.shape[3] != address.dimensions:
        raise ModelServerRejected(
            f"the model server answered {list(parts.shape)} numbers for the parts of {count} "
            f"pictures of {address.name} version {address.version}"
        )
    return _finite(parts)


def _finite(numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if not np.isfinite(numbers).all():
        raise ModelServerRejected("the model server answered numbers that are not finite")
    return numbers
