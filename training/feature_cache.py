"""Pooled features on disk, so that no view of a picture goes through the base twice.

A cache belongs to one base and one picture contract; it knows neither pictures nor models.
"""

import io
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np

from lookalike.errors import ConfigurationError
from lookalike.store.files import replace_file
from lookalike.vectors import Vectors

FLUSH_SECONDS = 10.0  # at most this much work is lost by a kill
FLUSH_BYTES = 64_000_000  # and at most this much waits in memory


class Key(NamedTuple):
    """One view of one picture: the hexadecimal digest of its file, and the view's number."""

    sha256: str
    view: int


class _Place(NamedTuple):
    """Where a vector lies on the disk: a piece, and bytes from its start."""

    piece: Path
    offset: int


class FeatureCache:
    """Vectors ``[d]`` by key: kept in memory, and appended to disk in whole pieces.

    Each piece is a NumPy file that appears at once or not at all, so a killed run leaves
    all that it had flushed, and several runs may write side by side.

    Args:
        folder: where the pieces are, made if missing.
        dimensions: d.
        large: keep float16 instead of float32, and on the disk alone once it is flushed.

    Attributes:
        vector_bytes: of one vector, on the disk.

    Raises:
        ConfigurationError: a piece cannot be read; it names the file to delete.
    """

    def __init__(self, folder: Path, dimensions: int, *, large: bool = False) -> None:
        self._folder, self._large = folder, large
        number = np.dtype("<f2" if large else "<f4")
        self._row = np.dtype([("sha256", "S64"), ("view", "<i4"), ("vector", number, dimensions)])
        self._number, self._dimensions = number, dimensions
        self.vector_bytes = number.itemsize * dimensions
        self._vectors: dict[Key, Vectors | _Place] = {}
        self._pending: list[Key] = []
        self._flushed = time.monotonic()
        for piece in sorted(folder.glob("*.npy")):
            self._take(piece)

    def __contains__(self, key: Key) -> bool:
        return key in self._vectors

    def __getitem__(self, key: Key) -> Vectors:
        kept = self._vectors[key]
        # Opened anew each time: an extraction of days makes more pieces than may be open.
        if isinstance(kept, _Place):
            return np.fromfile(kept.piece, self._number, self._dimensions, offset=kept.offset)
        return kept

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, keys: Iterable[Key], vectors: Vectors) -> None:
        """Keep ``float32[n, d]``, and flush what has gathered every few seconds."""
        new = list(keys)
        # Numbers past float16's end (the largest of VGG16 are a tenth of it) become its end.
        limits = np.finfo(self._number)
        kept = np.clip(vectors, limits.min, limits.max).astype(self._number)
        self._vectors.update(zip(new, kept, strict=True))
        self._pending += new
        waiting = len(self._pending) * self._row.itemsize
        if waiting >= FLUSH_BYTES or time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was added since the last time as one piece."""
        if self._pending:
            rows = np.empty(len(self._pending), self._row)
            rows["sha256"], rows["view"] = zip(*self._pending, strict=True)
            rows["vector"] = [self[key] for key in self._pending]
            buffer = io.BytesIO()
            np.save(buffer, rows)
            piece = self._folder / f"{uuid4().hex}.npy"
            replace_file(piece, buffer.getvalue())
            if self._large:
                self._take(piece)
        self._pending = []
        self._flushed = time.monotonic()

    def _take(self, piece: Path) -> None:
        """Note what a piece has: its vectors, or where they are."""
        rows = _opened(piece, self._row)
        keys = [
            Key(sha256.decode(), view)
            for sha256, view in zip(rows["sha256"].tolist(), rows["view"].tolist(), strict=True)
        ]
        if self._large:
            # The vector is the last of a row.
            first = rows.offset + self._row.itemsize - self.vector_bytes
            places = (_Place(piece, first + n * self._row.itemsize) for n in range(len(keys)))
            self._vectors.update(zip(keys, places, strict=True))
        else:
            self._vectors.update(zip(keys, np.array(rows["vector"]), strict=True))


def _opened(piece: Path, row: np.dtype[np.void]) -> np.memmap[Any, np.dtype[np.void]]:
    try:
        rows = np.load(piece, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ConfigurationError(
            f"the cached features in {piece} are damaged: delete it"
        ) from error
    if not isinstance(rows, np.memmap) or rows.dtype != row:
        raise ConfigurationError(f"the cached features in {piece} are of another kind: delete it")
    return rows
