"""The vectors of rows, gathered from the features into a file that is mapped."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from indexing.extraction.features import Features
from indexing.extraction.known import DIGEST_BYTES
from indexing.factory import FLOAT_BYTES
from lookalike.errors import StoreError
from lookalike.index import PictureRow
from lookalike.vectors import Metric, Vectors, prepared

CHUNK = 65_536


class Gathered(msgspec.Struct, frozen=True):
    """The vectors of rows that can be streamed again: ``float32[n, d]``, mapped from a file."""

    vectors: Vectors
    sha256: bytes

    def of(self, rows: Iterable[PictureRow]) -> Iterator[PictureRow]:
        """Stream the rows that they are the vectors of.

        Vectors are paired with them by their place, and no measurement would tell a shift.

        Raises:
            StoreError: at the end, where these were other rows.
        """
        digest = hashlib.sha256()
        for row in rows:
            digest.update(row.sha256)
            yield row
        if digest.digest() != self.sha256:
            raise StoreError("what was extracted changed while it was read: run it again")


def gathered(
    rows: Iterable[PictureRow], features: Features, metric: Metric, dimensions: int, scratch: Path
) -> Gathered:
    """Give the rows' vectors, prepared for the metric.

    Args:
        rows: one at least.
        features: of the model that the index names.
        metric: of the index.
        dimensions: d.
        scratch: a folder that outlives the result.

    Raises:
        StoreError: a row has no vector among the features.
    """
    digests = _digests(rows)
    vectors = _mapped(scratch / "vectors.f32", (len(digests), dimensions))
    features.gather(digests, vectors)
    for first in range(0, len(vectors), CHUNK):
        vectors[first : first + CHUNK] = prepared(vectors[first : first + CHUNK], metric)
    return Gathered(vectors, hashlib.sha256(digests.data).digest())


def _mapped(path: Path, shape: tuple[int, int]) -> Vectors:
    """Make a file of float32, with room for all of it: a full disk must not kill a later write."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shape[0] * shape[1] * FLOAT_BYTES)
    return np.memmap(path, np.float32, "r+", shape=shape)


def _digests(rows: Iterable[PictureRow]) -> npt.NDArray[np.uint8]:
    """Pack the rows' SHA-256: ``uint8[n, 32]``."""
    packed = bytearray()
    for row in rows:
        packed += row.sha256
    return np.frombuffer(packed, np.uint8).reshape(-1, DIGEST_BYTES)


def raw_vectors(rows: Sequence[PictureRow], features: Features, dimensions: int) -> Vectors:
    """Give a few rows' vectors as the model gave them: ``float32[n, d]``."""
    vectors = np.empty((len(rows), dimensions), np.float32)
    features.gather(_digests(rows), vectors)
    return vectors
