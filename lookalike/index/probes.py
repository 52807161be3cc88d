"""Probe pictures: the proof that a live model server is the model that an index was built with."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from lookalike.errors import ModelServerRejected, ProbeMismatch
from lookalike.picture import PictureContract, read_picture
from lookalike.serving.base import Embedder
from lookalike.vectors import CROSS_DEVICE_COSINE, Vectors, unit

FILE_NAME = "probes.msgpack"


class Probe(msgspec.Struct, frozen=True):
    """A picture as the catalogue had it (encoded bytes) and the vector that it gave."""

    id: str
    picture: bytes
    vector: list[float]


def write_probes(path: Path, probes: Sequence[Probe]) -> None:
    """Write the probes beside an index."""
    path.write_bytes(msgspec.msgpack.encode(probes))


def read_probes(path: Path) -> list[Probe]:
    """Read the probes of a verified version."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[Probe])


def check_probes(probes: Sequence[Probe], contract: PictureContract, embedder: Embedder) -> None:
    """Embed the probes anew, bytes and all, and hold the vectors against the recorded ones.

    Raises:
        ProbeMismatch: the live model, or this program's reading of pictures, is not the
            one that made the index.
        ModelServerError: the model server did not answer.
    """
    if not probes:
        raise ProbeMismatch("the index has no probe pictures")
    pixels = np.stack([read_picture(probe.picture, contract) for probe in probes])
    expected = np.asarray([probe.vector for probe in probes], dtype=np.float32)
    try:
        cosines = _cosines(embedder.embed(pixels), expected)
    except ModelServerRejected as error:
        raise ProbeMismatch(
            f"the model server does not take the probe pictures: {error}"
        ) from error
    worst = int(cosines.argmin())
    if cosines[worst] < CROSS_DEVICE_COSINE:
        raise ProbeMismatch(
            f"the probe picture {probes[worst].id!r} gives another vector than when the index "
            f"was built (cosine {cosines[worst]:.4f} < {CROSS_DEVICE_COSINE}): the model server "
            "serves another model under this version"
        )


def _cosines(left: Vectors, right: Vectors) -> Vectors:
    return np.asarray((unit(left) * unit(right)).sum(axis=1))
