"""Calibration of a model's scores on what its held-out pictures found, and how good it is."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from lookalike.calibration import Calibration, Scores, probabilities, terms
from training.beta_calibration import CONSTANT, Outcomes, fit

# With fewer the error that is measured would mean nothing.
FEWEST_QUERIES = 20
FEWEST_OUTCOMES = 10
# The error that a calibration should keep to; a larger one is told, and warned of.
GOOD_ECE = 0.05
BINS = 10
FOLDS = 10
FOLDS_SEED = 0
DIGITS = 4


class Bin(msgspec.Struct, frozen=True):
    """Hits of like scores: the mean of these, and how many of the hits are of the category."""

    pairs: int
    predicted: float
    observed: float


def calibrate(distances: Scores, same: Outcomes) -> Calibration | str:
    """Fit scores on hits of held-out pictures, or say why that cannot be done.

    Args:
        distances: ``[queries, hits]``, between vectors of length one.
        same: ``bool[queries, hits]``, whether the hit is of the query's category.
    """
    reason = _too_few(same)
    if reason is not None:
        return reason
    if np.ptp(distances) == 0:
        return "the hits of the held-out pictures are all equally far"
    weights = np.round(fit(distances.ravel(), same.ravel()), DIGITS)
    if not weights[:CONSTANT].any():
        return "near hits are no more often of the query's category than far ones"
    a, b, c = weights.tolist()
    return Calibration(
        a=a,
        b=b,
        c=c,
        ece=round(calibration_error(unseen_scores(distances, same), same), DIGITS),
        queries=len(same),
        pairs=same.size,
        same=round(float(same.mean()), DIGITS),
    )


def unseen_scores(distances: Scores, same: Outcomes) -> Scores:
    """Score each query's hits by the fit to other queries' (ten-fold cross-validation)."""
    fold = np.random.default_rng(FOLDS_SEED).permutation(len(same)) % FOLDS
    scores = np.empty(same.shape)
    for number in range(FOLDS):
        held, others = fold == number, fold != number
        weights = fit(distances[others].ravel(), same[others].ravel())
        scores[held] = probabilities(terms(distances[held]), weights)
    return scores


def calibration_error(scores: Scores, same: Outcomes) -> float:
    """Give the expected calibration error (ECE): how far scores are off, on average over hits.

    As Guo, Pleiss, Sun and Weinberger define it (2017, https://arxiv.org/abs/1706.04599): the
    mean over the bins of ``|observed - predicted|``, weighed by their hits. Ten bins of equal
    width, where they have 15, as there are hundreds of hits and not ten thousand.
    """
    gaps = [abs(b.observed - b.predicted) * b.pairs for b in reliability(scores, same)]
    return float(sum(gaps) / same.size)


def reliability(scores: Scores, same: Outcomes) -> list[Bin]:
    """Sort hits into bins of equal width by their scores; empty bins are left out."""
    flat, outcomes = scores.ravel(), same.ravel()
    place = np.minimum((flat * BINS).astype(np.int64), BINS - 1)
    members = [place == number for number in range(BINS)]
    return [_bin(flat[chosen], outcomes[chosen]) for chosen in members if chosen.any()]


def _bin(scores: Scores, same: NDArray[np.bool_]) -> Bin:
    return Bin(len(scores), float(scores.mean()), float(same.mean()))


def _too_few(same: Outcomes) -> str | None:
    if len(same) < FEWEST_QUERIES:
        return f"{FEWEST_QUERIES} held-out pictures are needed, and {len(same)} are there"
    of_category = np.count_nonzero(same)
    for count, whose in ((of_category, "their own"), (same.size - of_category, "another")):
        if count < FEWEST_OUTCOMES:
            return (
                f"of the hits of the held-out pictures {count} are of {whose} category, "
                f"and {FEWEST_OUTCOMES} are needed"
            )
    return None
