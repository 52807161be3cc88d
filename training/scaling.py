"""What is done to features before dense_1 sees them, and put into dense_1 after training."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Initial weights are drawn for inputs of about unit variance; VGG16's pooled features are
# some hundred long. Any mean length of 2 to 8 gives the same retrieval mAP.
LENGTH = 4.0
# Of a channel's standard deviation, its divisor: a few channels of the base vary so much that
# they alone decide a cosine. Between .5 and 1 it matters little (docs/training.md).
EVENING = 0.75
# Of the median deviation, added to each: channels that hardly vary would else be noise alone.
FLOOR = 0.1

Vectors = NDArray[np.float32]


class Scaling(NamedTuple):
    """Features times ``factor`` plus ``offset``, both ``float32[d]``."""

    factor: Vectors
    offset: Vectors

    def applied(self, vectors: Vectors) -> Vectors:
        """Scale ``float32[..., d]``."""
        return np.asarray(vectors * self.factor + self.offset, np.float32)

    def folded(self, kernel: Vectors, bias: Vectors) -> tuple[Vectors, Vectors]:
        """Give a dense layer's weights that take features as they come."""
        return self.factor[:, None] * kernel, bias + self.offset @ kernel

    def unfolded(self, kernel: Vectors, bias: Vectors) -> tuple[Vectors, Vectors]:
        """Give a dense layer's weights that take scaled features: undo :meth:`folded`."""
        scaled = kernel / self.factor[:, None]
        return scaled, bias - self.offset @ scaled


def by_length(vectors: Vectors) -> Scaling:
    """Give features ``float32[n, views, d]`` a mean length of ``LENGTH``."""
    factor = LENGTH / float(np.linalg.norm(vectors, axis=-1).mean())
    dimensions = vectors.shape[-1]
    return Scaling(np.full(dimensions, factor, np.float32), np.zeros(dimensions, np.float32))


def by_channel(vectors: Vectors) -> Scaling:
    """Move features ``float32[n, views, d]`` to a mean of zero, and even their channels out."""
    rows = vectors.reshape(-1, vectors.shape[-1]).astype(np.float64)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    floor = FLOOR * float(np.median(deviation)) or 1.0
    factor = 1 / (deviation + floor) ** EVENING
    length = float(np.linalg.norm((rows - mean) * factor, axis=1).mean())
    factor *= LENGTH / length if length else 1.0
    return Scaling(factor.astype(np.float32), (-mean * factor).astype(np.float32))
