"""Vectors of pictures that were asked for before, by the picture's bytes: bounded by bytes."""

from collections import OrderedDict

import msgspec
from gevent import monkey

from lookalike.picture import Box
from lookalike.vectors import Vectors

# What a key, its place in the order, and NumPy's own header of a vector take beside the numbers.
OVERHEAD_BYTES = 500


class PictureKey(msgspec.Struct, frozen=True):
    """What a vector is of: equal keys, equal vectors."""

    sha256: bytes
    box: Box | None
    model: str  # name, version and weights


class VectorCache:
    """Keeps the vectors that were used last.

    Args:
        most_bytes: of memory; 0 keeps none.

    Attributes:
        hits, misses: how often a vector was here, or not.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._vectors: OrderedDict[PictureKey, Vectors] = OrderedDict()
        # A native one, since native threads look here too; it is never held for long.
        self._using = monkey.get_original("threading", "Lock")()
        self.hits = self.misses = 0

    def get(self, key: PictureKey) -> Vectors | None:
        """Give the vector of a picture, ``float32[d]``, or None."""
        with self._using:
            vector = self._vectors.get(key)
            if vector is None:
                self.misses += 1
            else:
                self.hits += 1
                self._vectors.move_to_end(key)
            return vector

    def put(self, key: PictureKey, vector: Vectors) -> None:
        """Keep a vector, and let go of those that were used longest ago."""
        with self._using:
            if key not in self._vectors:
                self._bytes += _size(vector)
            self._vectors[key] = vector
            self._vectors.move_to_end(key)
            while self._bytes > self._most:
                _, gone = self._vectors.popitem(last=False)
                self._bytes -= _size(gone)


def _size(vector: Vectors) -> int:
    return vector.nbytes + OVERHEAD_BYTES
