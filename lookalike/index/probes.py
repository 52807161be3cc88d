"""Probe pictures: the proof that a live model server is the model that an index was built with."""

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from lookalike.errors import ModelServerRejected, ProbeMismatch
from lookalike.picture import PictureContract, read_picture
from lookalike.picture.contract import Pixels
from lookalike.serving.base import Embedder
from lookalike.vectors import CROSS_DEVICE_COSINE, unit

FILE_NAME = "probes.msgpack"


class Probe(msgspec.Struct, frozen=True):
    """A picture as the catalogue had it, encoded, and the vector that it gave.

    Of a large file it is the pixels that the model saw, as a picture file of their own.
    """

    id: str
    picture: bytes
    vector: list[float]


def write_probes(path: Path, probes: Sequence[Probe]) -> None:
    """Write the probes beside an index."""
    path.write_bytes(msgspec.msgpack.encode(probes))


def read_probes(path: Path) -> list[Probe]:
    """Read the probes beside an index."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[Probe])


class ProbeCheck:
    """The probes of an opened version, decoded: ready to be held against a live model server.

    Args:
        path: the probes' file in a verified version.
        contract: how the version's model takes pictures.
    """

    def __init__(self, path: Path, contract: PictureContract) -> None:
        probes = read_probes(path)
        self.ids = [probe.id for probe in probes]
        self._pixels = [_pixels(probe, contract) for probe in probes]
        self._expected = [unit(np.asarray([probe.vector], np.float32))[0] for probe in probes]
        self._turns = itertools.cycle(range(len(probes)))

    def run(self, embedder: Embedder) -> None:
        """Embed the probes anew and hold the vectors against the recorded ones.

        Raises:
            ProbeMismatch: the live model, or this program's reading of pictures, is not
                the one that made the index.
            ModelServerError: the model server did not answer.
        """
        self._run(embedder, range(len(self.ids)))

    def run_one(self, embedder: Embedder) -> None:
        """Embed one probe, another each time: for workers that ask often, and are many.

        Raises:
            ProbeMismatch, ModelServerError: as :meth:`run`.
        """
        self._run(embedder, [next(self._turns)] if self.ids else [])

    def _run(self, embedder: Embedder, chosen: Sequence[int]) -> None:
        # One at a time: a server that is too slow for its deadline has no more than that left to
        # do for each worker that gave up, and asks again.
        for one in chosen:
            self._check(embedder, one)

    def _check(self, embedder: Embedder, one: int) -> None:
        try:
            vector = unit(embedder.embed(self._pixels[one][np.newaxis]))[0]
        except ModelServerRejected as error:
            raise ProbeMismatch(f"the model server refuses the probe pictures: {error}") from error
        expected = self._expected[one]
        if vector.shape != expected.shape:
            raise ProbeMismatch(
                f"the probe picture {self.ids[one]!r} has {expected.size} numbers, and the model "
                f"gives {vector.size}: the index was not built with it"
            )
        cosine = float(vector @ expected)
        if cosine < CROSS_DEVICE_COSINE:
            raise ProbeMismatch(
                f"the probe picture {self.ids[one]!r} gives another vector than when the "
                f"index was built (cosine {cosine:.4f} < {CROSS_DEVICE_COSINE}): the "
                "model server serves another model under this version"
            )


def _pixels(probe: Probe, contract: PictureContract) -> Pixels:
    # Their digests vouch for these bytes, so that the limit for strangers does not apply.
    return read_picture(probe.picture, contract, max_decoded_bytes=sys.maxsize)
