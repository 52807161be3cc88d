"""Arithmetic on vectors that programs must agree on: normalising, and vectors without direction."""

from typing import Literal

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Metric = Literal["cosine", "l2"]

# Largest Euclidean distance between unit vectors of one picture, embedded twice.
SAME_DEVICE_TOLERANCE = 1e-5
SHORTEST = np.finfo(np.float64).tiny
# Smallest cosine between them across devices and precisions (DESIGN, contract 3).
CROSS_DEVICE_COSINE = 0.999


def without_features(vectors: Vectors) -> npt.NDArray[np.bool_]:
    """Tell which rows of ``float32[n, d]`` are all zero: ``bool[n]``."""
    return np.asarray(~vectors.any(axis=1))


def unit(vectors: Vectors) -> Vectors:
    """Scale the rows of ``float32[n, d]`` to length one; a row of zeros stays one, never NaN."""
    # In double precision, so that a row's result does not depend on the rows beside it.
    double = vectors.astype(np.float64)
    lengths = np.sqrt(np.vecdot(double, double))
    # The shortest vector that is not zero is far longer.
    double /= np.maximum(lengths, SHORTEST)[:, None]
    return double.astype(np.float32)


def prepared(vectors: Vectors, metric: Metric) -> Vectors:
    """Give vectors as an index of this metric holds them: of length one for cosine."""
    return unit(vectors) if metric == "cosine" else np.ascontiguousarray(vectors, np.float32)
