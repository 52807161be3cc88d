"""A map of pictures: near each other where their vectors are, by t-SNE."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from lookalike.progress import working
from lookalike.vectors import Vectors, unit, without_features
from training.labelled import Rows, fixed_sample
from training.report.figures import Point
from training.report.found import Ranked
from training.retrieval import Neighbours

# More would lie on each other.
MOST_POINTS = 500
FEWEST_POINTS = 4
SEED = 0
PERPLEXITY = 30.0
DIGITS = 4

Places = NDArray[np.float64]


def points(ranked: Ranked, found: Neighbours) -> list[Point]:
    """Place a fixed random part of the pictures, by the vectors before fine-tuning and after.

    Pictures without features in either have no place; fewer than four have none.
    """
    rows = _drawn(ranked)
    if len(rows) < FEWEST_POINTS:
        return []
    with working("drawing the maps"):
        before, after = (placed(vectors[rows]) for vectors in (ranked.before, ranked.after))
    right = dict(zip(found.queries.tolist(), found.same[:, 0].tolist(), strict=True))
    return [
        Point(
            picture=ranked.pictures[int(row)],
            before=_rounded(before[number]),
            after=_rounded(after[number]),
            right=right.get(int(row)),
        )
        for number, row in enumerate(rows)
    ]


def placed(vectors: Vectors) -> Places:
    """Lay ``float32[n, d]`` out in the unit square: ``float64[n, 2]``.

    t-SNE (van der Maaten and Hinton, 2008) of the vectors at length one, from their principal
    components; vectors that are all equal lie in the middle.
    """
    vectors = unit(vectors)
    if np.ptp(vectors, axis=0).max() == 0:
        return np.full((len(vectors), 2), 0.5)
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    # On one thread: for so few points several only wait for each other.
    with threadpool_limits(1):
        made = TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(vectors)
    made = np.asarray(made, np.float64)
    low, high = made.min(axis=0), made.max(axis=0)
    # One scale for both axes: distances mean the same along either.
    return np.asarray(0.5 + (made - (low + high) / 2) / (high - low).max())


def _drawn(ranked: Ranked) -> Rows:
    seen = ~(without_features(ranked.before) | without_features(ranked.after))
    rows = np.flatnonzero(seen)
    return rows[fixed_sample(len(rows), MOST_POINTS)]


def _rounded(place: Sequence[float] | Places) -> tuple[float, float]:
    x, y = place
    return round(float(x), DIGITS), round(float(y), DIGITS)
