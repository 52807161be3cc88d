"""Scores with a meaning: from a distance to the probability that a hit is of its query's category.

The curve is fitted in training/ on pictures that the model was not trained on; here it is only
applied, so that the model's card, an index and the search service mean the same by it.
"""

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

# The least difference of a cosine from 0 and from 1, whose logarithms are infinite.
EDGE = 1e-6
# Of a score: more would tell nothing, and what is compared with is what is told.
DIGITS = 4

Scores = NDArray[np.float64]


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How likely hits of one model are of the query's category, by the cosine's distance.

    With s the cosine, the odds are ``e^c · s^a / (1 - s)^b``: beta calibration (Kull, Silva
    Filho and Flach, 2017, https://proceedings.mlr.press/v54/kull17a.html). As neither a nor b
    is negative, a nearer hit never has the lower score.
    """

    a: Annotated[float, Meta(ge=0, description="How fast scores fall far from the query.")]
    b: Annotated[float, Meta(ge=0, description="How fast they rise near it.")]
    c: Annotated[float, Meta(description="Logarithm of the odds' factor.")]
    ece: Annotated[
        float,
        Meta(ge=0, le=1, description="Expected calibration error, on queries that no fit saw."),
    ]
    queries: Annotated[int, Meta(description="Held-out pictures that it was fitted on.")]
    pairs: Annotated[int, Meta(description="Hits of them, nearest first, that it was fitted on.")]
    same: Annotated[float, Meta(ge=0, le=1, description="Share of these of the query's category.")]

    def scores(self, distances: ArrayLike) -> Scores:
        """Give probabilities, to four digits.

        Args:
            distances: Euclidean, between vectors of length one; of any shape.
        """
        return probabilities(terms(distances), (self.a, self.b, self.c)).round(DIGITS)


def terms(distances: ArrayLike) -> Scores:
    """Give what the odds' logarithm is a sum of: ``[…, 3]``, for a, b and c."""
    gaps = np.asarray(distances, np.float64)
    summands = np.ones((*gaps.shape, 3))
    # Not by np.clip and np.stack, which take longer than all else for the hits of a search.
    cosine = np.minimum(np.maximum(1 - gaps * gaps / 2, EDGE), 1 - EDGE)
    np.log(cosine, out=summands[..., 0])
    np.negative(np.log1p(-cosine), out=summands[..., 1])
    return summands


def probabilities(summands: Scores, weights: ArrayLike) -> Scores:
    """Turn :func:`terms` and their weights, a, b and c, into probabilities."""
    # By tanh, since exp overflows.
    return np.asarray((1 + np.tanh(summands @ np.asarray(weights, np.float64) / 2)) / 2)
