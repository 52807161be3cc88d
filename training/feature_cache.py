"""Pooled features on disk, so that no view of a picture goes through the base twice.

A cache belongs to one base and one picture contract; it knows neither pictures nor models.
"""

import io
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from lookalike.errors import ConfigurationError
from lookalike.store.files import replace_file
from lookalike.vectors import Vectors

VERSION = 2  # of a piece's layout
FLUSH_SECONDS = 10.0  # at most this much work is lost by a kill
FLUSH_BYTES = 64_000_000  # and at most this much waits in memory

CHECKSUM = "crc32"


class Key(NamedTuple):
    """One view of one picture: the hexadecimal digest of its file, and the view's number."""

    sha256: str
    view: int


class _Place(NamedTuple):
    """Where a vector's row lies on the disk: a piece, and bytes from its start."""

    piece: Path
    offset: int


class FeatureCache:
    """Vectors ``[d]`` by key: kept in memory, and appended to disk in whole pieces.

    Each piece is a NumPy file that appears at once or not at all, so a killed run leaves
    all that it had flushed, and several runs may write side by side. Each row has a checksum:
    what a disk garbled would else be trained on, and nobody would know why a model is bad.

    Args:
        folder: where the pieces are, made if missing.
        dimensions: d.
        large: keep float16 instead of float32, and on the disk alone once it is flushed.

    Attributes:
        vector_bytes: of one vector, on the disk.

    Raises:
        ConfigurationError: a piece is damaged; it names the file to delete. Of large vectors
            that is found when one is read.
    """

    def __init__(self, folder: Path, dimensions: int, *, large: bool = False) -> None:
        self._folder, self._large = folder, large
        number = np.dtype("<f2" if large else "<f4")
        self._row = np.dtype(
            [(CHECKSUM, "<u4"), ("sha256", "S64"), ("view", "<i4"), ("vector", number, dimensions)]
        )
        self._number = number
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
            rows = np.fromfile(kept.piece, self._row, 1, offset=kept.offset)
            _check(rows, kept.piece)
            return np.asarray(rows["vector"][0])
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
            rows[CHECKSUM] = _checksums(rows)
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
        if not self._large:
            _check(rows, piece)
        keys = [
            Key(sha256.decode(errors="replace"), view)
            for sha256, view in zip(rows["sha256"].tolist(), rows["view"].tolist(), strict=True)
        ]
        if self._large:
            places = (_Place(piece, rows.offset + n * self._row.itemsize) for n in range(len(keys)))
            self._vectors.update(zip(keys, places, strict=True))
        else:
            self._vectors.update(zip(keys, np.array(rows["vector"]), strict=True))


def _checksums(rows: NDArray[np.void]) -> NDArray[np.uint32]:
    """Sum up all bytes of each row behind its checksum: ``uint32[n]``."""
    each = rows.view(np.uint8).reshape(len(rows), rows.itemsize)[:, np.uint32().itemsize :]
    return np.array([zlib.crc32(row) for row in each], np.uint32)


def _check(rows: NDArray[np.void], piece: Path) -> None:
    if not len(rows) or (rows[CHECKSUM] != _checksums(rows)).any():
        raise _damaged(piece)


def _damaged(piece: Path) -> ConfigurationError:
    return ConfigurationError(f"the cached features in {piece} are damaged: delete it")


def _opened(piece: Path, row: np.dtype[np.void]) -> np.memmap[Any, np.dtype[np.void]]:
    try:
        rows = open_memmap(piece, mode="r")
    except (ValueError, TokenError) as error:  # the latter where a header is no Python
        raise _damaged(piece) from error
    if rows.dtype != row:
        raise ConfigurationError(f"the cached features in {piece} are of another kind: delete it")
    return rows
