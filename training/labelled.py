"""Features with their categories, and how epochs draw from them. Arrays only."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.vectors import Vectors
from training.scaling import Scaling

# Pictures of a category that are drawn together, so that each has others of its kind in a
# batch, however many categories there are.
TOGETHER = 4
# Pictures are searched for as they are: the augmented views are a part of what is drawn.
ORIGINALS_DRAWN = 0.7

Labels = NDArray[np.int64]
Rows = NDArray[np.int64]
ORIGINAL = 0


@dataclass(frozen=True)
class Labelled:
    """Features ``float32[n, views, d]``, the original first, and class numbers ``int64[n]``."""

    vectors: Vectors
    labels: Labels

    @property
    def originals(self) -> Vectors:
        """The features of the pictures as they are, ``float32[n, d]``."""
        return self.vectors[:, ORIGINAL]

    def scaled(self, scaling: Scaling) -> "Labelled":
        """Scale the features."""
        return Labelled(scaling.applied(self.vectors), self.labels)

    def chosen(self, rows: NDArray[np.bool_] | Rows) -> "Labelled":
        """Take some of the pictures."""
        return Labelled(self.vectors[rows], self.labels[rows])

    def sample(self, most: int) -> "Labelled":
        """Take no more than so many pictures, a fixed random part where there are more."""
        rows = fixed_sample(len(self.labels), most)
        return self if len(rows) == len(self.labels) else self.chosen(rows)


def fixed_sample(pictures: int, most: int) -> Rows:
    """Draw no more than so many rows, in order and always the same; all where there are few."""
    if pictures <= most:
        return np.arange(pictures)
    return np.sort(np.random.default_rng(0).choice(pictures, most, replace=False))


def batches(labels: Labels, size: int, generator: np.random.Generator) -> Iterator[Rows]:
    """Yield rows of about ``size`` pictures: all of them once, a few of a category together."""
    order = generator.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    _, first, count = np.unique(labels[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(first, count)
    begins = place % TOGETHER == 0
    group = np.cumsum(begins) - 1
    drawn = generator.permutation(int(begins.sum()))[group]
    mixed = order[np.argsort(drawn, kind="stable")]
    yield from np.array_split(mixed, -(-len(mixed) // size))


def drawn_views(pictures: int, views: int, generator: np.random.Generator) -> Rows:
    """Draw one of its views for each picture, the original more often than the others."""
    if views == 1:
        return np.full(pictures, ORIGINAL)
    augmented = generator.integers(1, views, size=pictures)
    return np.where(generator.random(pictures) < ORIGINALS_DRAWN, ORIGINAL, augmented)


def balanced_weights(labels: Labels) -> Vectors:
    """Weigh each picture by ``n / (categories * count)``, so that each category counts the same.

    Args:
        labels: ``int64[n]``.

    Returns:
        ``float32[n]``, of mean 1.
    """
    present, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.take(len(labels) / (len(present) * counts), place).astype(np.float32)
