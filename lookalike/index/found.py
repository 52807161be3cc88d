"""What searches find: distances and rows, and merging them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Distances = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
# Squared Euclidean distances float32[n, k] and rows int64[n, k], nearest first.
Found = tuple[Distances, Rows]
NO_ROW = -1


def merged(parts: Sequence[tuple[Found, int]], k: int) -> Found:
    """Merge what segments found, each with the number of its first row, into ``k`` a query."""
    squared, rows = [], []
    for (distances, numbers), start in parts:
        squared.append(np.where(numbers == NO_ROW, np.float32(np.inf), distances))
        rows.append(np.where(numbers == NO_ROW, NO_ROW, numbers + start))
    return nearest(np.concatenate(squared, axis=1), np.concatenate(rows, axis=1), k)


def nearest(squared: Distances, rows: Rows, k: int) -> Found:
    """Take the ``k`` nearest of each query's candidates; equal distances keep their order."""
    order = np.argsort(squared, axis=1, kind="stable")[:, :k]
    each = np.arange(len(squared))[:, None]
    return squared[each, order], rows[each, order]
