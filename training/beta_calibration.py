"""The fit of a calibration: three numbers from distances and outcomes. Pure arithmetic.

Beta calibration on the cosine (Kull, Silva Filho and Flach, 2017) is a logistic regression
on its logarithm and on that of its difference from one, whose weights are not negative.
"""

import numpy as np
from numpy.typing import NDArray

from lookalike.calibration import Scores, probabilities, terms

CONSTANT = 2  # the place of c among the weights
RIDGE = 1e-4  # so that one solution is there, and is finite
MOST_STEPS = 100
SMALLEST_STEP = 1e-9

Outcomes = NDArray[np.bool_]


def fit(distances: Scores, same: Outcomes) -> Scores:
    """Give a, b and c of the calibration that suits hits best: ``float64[3]``.

    A weight that would be negative is left out, as in the source: scores never rise with
    the distance. Both are 0 where the distance tells nothing.

    Args:
        distances: ``[n]``, between vectors of length one.
        same: ``[n]``, whether the hit is of the query's category.
    """
    summands, targets = terms(distances), _targets(same)
    kept = list(range(summands.shape[1]))
    while True:
        weights = np.zeros(summands.shape[1])
        weights[kept] = _regression(summands[:, kept], targets)
        least = int(np.argmin(weights[:CONSTANT]))
        if weights[least] >= 0:
            return weights
        kept.remove(least)


def _targets(same: Outcomes) -> Scores:
    """Draw the targets in from 0 and 1, so that no score is certain.

    By Platt (1999), as if one hit more of either kind had been seen.
    """
    of_category = np.count_nonzero(same)
    others = same.size - of_category
    return np.where(same, (of_category + 1) / (of_category + 2), 1 / (others + 2))


def _regression(summands: Scores, targets: Scores) -> Scores:
    """Minimise the cross-entropy by Newton's method, whose steps are halved until they help."""
    weights = np.zeros(summands.shape[1])
    loss = _loss(summands, targets, weights)
    for _ in range(MOST_STEPS):
        step = _newton_step(summands, targets, weights)
        while np.abs(step).max() > SMALLEST_STEP:
            reached = _loss(summands, targets, weights - step)
            if reached < loss:
                break
            step = step / 2
        else:
            return weights
        weights, loss = weights - step, reached
    return weights


def _newton_step(summands: Scores, targets: Scores, weights: Scores) -> Scores:
    likely = probabilities(summands, weights)
    gradient = summands.T @ (likely - targets) + RIDGE * weights
    curvature = (summands * (likely * (1 - likely))[:, None]).T @ summands
    return np.asarray(np.linalg.solve(curvature + RIDGE * np.eye(len(weights)), gradient))


def _loss(summands: Scores, targets: Scores, weights: Scores) -> float:
    odds = summands @ weights
    entropy = np.logaddexp(0, odds).sum() - (targets * odds).sum()
    return float(entropy + RIDGE * (weights @ weights) / 2)
