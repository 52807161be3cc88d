"""What is done to features before dense_1 sees them, and put into dense_1 after training."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.vectors import Vectors

# Initial weights are drawn for inputs of about unit variance; VGG16's pooled features are
# some hundred long. Any mean length of 2 to 8 gives the same retrieval mAP.
LENGTH = 4.0
# Of a channel's standard deviation, its divisor: a few channels of the base vary so much that
# they alone decide a cosine. Between .5 and 1 it matters little (docs/training.md).
EVENING = 0.75
# Of the median deviation, added to each: channels that hardly vary would else be noise alone.
FLOOR = 0.1
ROWS = 4096


class Scaling(NamedTuple):
    """Features times ``factor`` plus ``offset``, both ``float32[d]``."""

    factor: Vectors
    offset: Vectors

    def applied(self, vectors: Vectors) -> Vectors:
        """Scale ``float32[..., d]``."""
        scaled = np.multiply(vectors, self.factor, dtype=np.float32)
        scaled += self.offset
        return scaled

    def folded(self, kernel: Vectors, bias: Vectors) -> tuple[Vectors, Vectors]:
        """Give a dense layer's weights that take features as they come."""
        return self.factor[:, None] * kernel, bias + self.offset @ kernel

    def unfolded(self, kernel: Vectors, bias: Vectors) -> tuple[Vectors, Vectors]:
        """Give a dense layer's weights that take scaled features: undo :meth:`folded`."""
        scaled = kernel / self.factor[:, None]
        return scaled, bias - self.offset @ scaled


def by_length(vectors: Vectors) -> Scaling:
    """Give features ``float32[n, views, d]`` a mean length of ``LENGTH``."""
    rows = _rows(vectors)
    plain = Scaling(np.ones(rows.shape[1], np.float32), np.zeros(rows.shape[1], np.float32))
    return Scaling(plain.factor * np.float32(_lengthening(rows, plain)), plain.offset)


def by_channel(vectors: Vectors) -> Scaling:
    """Move features ``float32[n, views, d]`` to a mean of zero, and even their channels out."""
    rows = _rows(vectors)
    mean = sum(part.sum(axis=0) for part in _parts(rows)) / len(rows)
    squares = sum(((part - mean) ** 2).sum(axis=0) for part in _parts(rows))
    deviation = np.sqrt(squares / len(rows))
    floor = FLOOR * float(np.median(deviation)) or 1.0
    factor = 1 / (deviation + floor) ** EVENING
    factor *= _lengthening(rows, Scaling(factor, -mean * factor))
    return Scaling(factor.astype(np.float32), (-mean * factor).astype(np.float32))


def _rows(vectors: Vectors) -> Vectors:
    return vectors.reshape(-1, vectors.shape[-1])


def _parts(rows: Vectors) -> Iterator[NDArray[np.float64]]:
    """Yield all rows in the precision of sums, a few at a time."""
    for start in range(0, len(rows), ROWS):
        yield rows[start : start + ROWS].astype(np.float64)


def _lengthening(rows: Vectors, scaling: Scaling) -> float:
    """Give what makes scaled rows so long as they are to be; 1 where they have no length."""
    scaled = (part * scaling.factor + scaling.offset for part in _parts(rows))
    length = float(sum(np.linalg.norm(part, axis=1).sum() for part in scaled)) / len(rows)
    return LENGTH / length if length else 1.0
