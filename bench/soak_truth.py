"""What the soak's answers must be: each is held against the version that it names."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.published import METRIC, picture_id
from lookalike.vectors import Vectors, prepared

# A deletion is in effect everywhere so long after it was answered.
DELETED_SECONDS = 2.0
# Distances are of float32 sums, taken in another order than here.
TOLERANCE = 2e-3

Hits = Sequence[Mapping[str, Any]]


class Deleted:
    """Which pictures were deleted, and since when that must be seen."""

    def __init__(self) -> None:
        self._asked: dict[int, float] = {}
        self._done: dict[int, float] = {}
        self._lock = threading.Lock()

    def asked(self, row: int) -> None:
        """Note that a deletion is on its way: its picture may be found, or not, from now on."""
        with self._lock:
            self._asked[row] = time.monotonic()

    def done(self, row: int) -> None:
        """Note that a deletion was answered."""
        with self._lock:
            self._done[row] = time.monotonic()

    def rows(self, begun: float) -> tuple[set[int], set[int]]:
        """Give what no search that began then may find, and what it need not find."""
        with self._lock:
            gone = {row for row, at in self._done.items() if at + DELETED_SECONDS < begun}
            return gone, set(self._asked)


class Truth:
    """The vectors of each version, and exact search among them.

    Args:
        deleted: what was deleted meanwhile.
    """

    def __init__(self, deleted: Deleted) -> None:
        self._deleted = deleted
        self._versions: dict[str, Vectors] = {}

    def add(self, version: str, vectors: Vectors) -> None:
        """Say which vectors a version is of: ``float32[n, d]``."""
        self._versions[version] = prepared(vectors, METRIC)

    def vector(self, version: str, row: int) -> Vectors:
        """Give one vector of a version."""
        return np.asarray(self._versions[version][row])

    def fault(self, answer: Mapping[str, Any], vector: Vectors, k: int, begun: float) -> str | None:
        """Say what is wrong with an answer to a search that began then; None: nothing."""
        vectors = self._versions.get(answer["index_version"])
        if vectors is None:
            return f"{answer['index_version']} is no version that was published"
        distances = np.linalg.norm(vectors - prepared(vector[np.newaxis], METRIC), axis=1)
        gone, open_ = self._deleted.rows(begun)
        return _fault(answer["results"], distances, k, gone, open_)


def _fault(
    hits: Hits, distances: np.ndarray[Any, Any], k: int, gone: set[int], open_: set[int]
) -> str | None:
    rows = [int(hit["id"]) for hit in hits]
    if len(set(rows)) != k:
        return f"{len(set(rows))} different pictures instead of {k}"
    if found := gone & set(rows):
        return f"deleted pictures {sorted(map(picture_id, found))}"
    told = np.array([hit["distance"] for hit in hits])
    if (np.abs(told - distances[rows]) > TOLERANCE).any():
        return "distances that are not those of the version's vectors"
    if (np.diff(told) < 0).any():
        return "results that are not in order"
    nearer = set(np.flatnonzero(distances < told[-1] - TOLERANCE).tolist())
    missing = nearer - set(rows) - open_
    return f"missing pictures {sorted(map(picture_id, missing))}" if missing else None
