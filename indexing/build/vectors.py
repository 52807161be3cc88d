"""The vectors of a build: a file of float32 that processes map, so that none holds it all."""

from collections.abc import Iterator
from mmap import mmap
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from lookalike.vectors import Vectors

Positions = npt.NDArray[np.int64]

CHUNK_ROWS = 65_536


class VectorFile(msgspec.Struct, frozen=True):
    """A file with ``float32[n, d]`` at an offset."""

    path: str
    offset: int
    count: int
    dimensions: int

    def open(self) -> Vectors:
        """Map it for reading."""
        shape = (self.count, self.dimensions)
        return np.memmap(self.path, np.float32, "r", self.offset, shape)


def vector_file(vectors: Vectors, scratch: Path) -> VectorFile:
    """Name the file that vectors are mapped from; write one where they are in memory."""
    mapped: Any = vectors
    # Of a part of a mapped array, offset still is the whole's.
    if isinstance(getattr(mapped, "base", None), mmap):
        return VectorFile(str(mapped.filename), mapped.offset, *vectors.shape)
    path = scratch / "vectors.f32"
    with path.open("wb") as file:
        for chunk in chunks(vectors, np.arange(len(vectors))):
            file.write(np.ascontiguousarray(chunk, np.float32).data)
    return VectorFile(str(path), 0, *vectors.shape)


def chunks(vectors: Vectors, positions: Positions, size: int = CHUNK_ROWS) -> Iterator[Vectors]:
    """Copy the vectors at ``positions`` into memory, a chunk at a time."""
    for first in range(0, len(positions), size):
        yield np.ascontiguousarray(vectors[positions[first : first + size]], np.float32)


def sampled(vectors: Vectors, count: int, draw: np.random.Generator) -> Vectors:
    """Copy ``count`` vectors at most, drawn without replacement, in their order."""
    if count >= len(vectors):
        return np.ascontiguousarray(vectors, np.float32)
    chosen = np.sort(draw.choice(len(vectors), count, replace=False, shuffle=False))
    return np.ascontiguousarray(vectors[chosen], np.float32)
