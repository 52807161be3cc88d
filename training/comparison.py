"""Whether one model finds better than another: paired over the same queries. Pure arithmetic."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.model_card import Verdict

RESAMPLES = 10_000
# Of the resamples' means, left out at either side: an interval of 95 %.
TAIL_PERCENT = 2.5
SEED = 0
CHUNK = 500

AveragePrecision = NDArray[np.float64]


class Difference(NamedTuple):
    """Mean difference of average precision, new less old, and its interval of 95 %."""

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Say what the interval does: it lies above zero, below it, or holds it."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not distinguishable"


def difference(new: AveragePrecision, old: AveragePrecision) -> Difference:
    """Compare two models' average precisions ``float64[n]`` of the same queries, in order.

    By the bootstrap over queries (Efron, 1979): what other queries of the same kind would have
    told. How the models' training came out by chance is not in it.
    """
    gains = new - old
    draw = np.random.default_rng(SEED)
    means = [
        gains[draw.integers(len(gains), size=(CHUNK, len(gains)))].mean(axis=1)
        for _ in range(RESAMPLES // CHUNK)
    ]
    low, high = np.percentile(np.concatenate(means), [TAIL_PERCENT, 100 - TAIL_PERCENT])
    return Difference(float(gains.mean()), float(low), float(high))
