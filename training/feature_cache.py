"""Pooled features on disk, so that no view of a picture goes through the base twice.

A cache belongs to one base and one picture contract; it knows neither pictures nor models.
"""

import io
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import ConfigurationError
from lookalike.store.files import replace_file

FLUSH_SECONDS = 10.0  # at most this much work is lost by a kill
FLUSH_BYTES = 64_000_000  # and at most this much waits in memory

Vectors = NDArray[np.float32]


class Key(NamedTuple):
    """One view of one picture: the hexadecimal digest of its file, and the view's number."""

    sha256: str
    view: int


class FeatureCache:
    """Vectors ``[d]`` by key, appended to disk in whole pieces, and mapped from there.

    Each piece is a NumPy file that appears at once or not at all, so a killed run leaves
    all that it had flushed, and several runs may write side by side.

    Args:
        folder: where the pieces are, made if missing.
        dimensions: d.
        half: keep float16 instead of float32: half of the disk.

    Raises:
        ConfigurationError: a piece cannot be read; it names the file to delete.
    """

    def __init__(self, folder: Path, dimensions: int, *, half: bool = False) -> None:
        self._folder = folder
        number = "<f2" if half else "<f4"
        self._row = np.dtype([("sha256", "S64"), ("view", "<i4"), ("vector", number, dimensions)])
        self._vectors: dict[Key, Vectors] = {}
        self._pending: list[Key] = []
        self._flushed = time.monotonic()
        for piece in sorted(folder.glob("*.npy")):
            self._map(piece)

    def __contains__(self, key: Key) -> bool:
        return key in self._vectors

    def __getitem__(self, key: Key) -> Vectors:
        return self._vectors[key]

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, keys: Iterable[Key], vectors: Vectors) -> None:
        """Keep ``float32[n, d]``, and flush what has gathered every few seconds."""
        new = list(keys)
        # Numbers past float16's end (the largest of VGG16 are a tenth of it) become its end.
        limits = np.finfo(self._row["vector"].base)
        kept = np.clip(vectors, limits.min, limits.max).astype(limits.dtype)
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
            rows["vector"] = [self._vectors[key] for key in self._pending]
            buffer = io.BytesIO()
            np.save(buffer, rows)
            piece = self._folder / f"{uuid4().hex}.npy"
            replace_file(piece, buffer.getvalue())
            self._map(piece)
        self._pending = []
        self._flushed = time.monotonic()

    def _map(self, piece: Path) -> None:
        rows = _mapped(piece, self._row)
        keys = zip(rows["sha256"].tolist(), rows["view"].tolist(), strict=True)
        self._vectors.update(
            (Key(sha256.decode(), view), vector)
            for (sha256, view), vector in zip(keys, rows["vector"], strict=True)
        )


def _mapped(piece: Path, row: np.dtype[np.void]) -> NDArray[np.void]:
    try:
        rows = np.load(piece, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ConfigurationError(
            f"the cached features in {piece} are damaged: delete it"
        ) from error
    if not isinstance(rows, np.ndarray) or rows.dtype != row:
        raise ConfigurationError(f"the cached features in {piece} are of another kind: delete it")
    return np.asarray(rows)
