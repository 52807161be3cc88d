"""The fit of scores to what held-out pictures found, and the error that is told of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.calibration import Calibration, probabilities, terms
from training.beta_calibration import fit
from training.calibration import (
    FEWEST_QUERIES,
    calibrate,
    calibration_error,
    reliability,
    unseen_scores,
)

HITS = 10


def drawn(
    queries: int, weights: tuple[float, float, float], seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw distances, and outcomes with the probabilities that these weights give."""
    draw = np.random.default_rng(seed)
    distances = np.sort(draw.uniform(0.1, 1.3, (queries, HITS)), axis=1)
    return distances, draw.random(distances.shape) < probabilities(terms(distances), weights)


@pytest.mark.parametrize("weights", [(3.0, 1.5, 0.5), (0.5, 4.0, -3.0), (6.0, 0.0, 2.0)])
def test_known_probabilities_are_found_again(weights: tuple[float, float, float]) -> None:
    distances, same = drawn(5000, weights)
    made = calibrate(distances, same)
    assert isinstance(made, Calibration)
    expected = probabilities(terms(distances), weights)
    assert np.abs(made.scores(distances) - expected).max() < 0.03
    assert made.ece < 0.01
    assert (made.queries, made.pairs) == (5000, 5000 * HITS)
    assert made.same == pytest.approx(same.mean(), abs=1e-4)


@settings(max_examples=50, deadline=None)
@given(
    outcomes=st.lists(st.tuples(st.floats(0, 1.5), st.booleans()), min_size=1, max_size=60),
)
def test_no_outcomes_make_scores_rise_with_the_distance(
    outcomes: list[tuple[float, bool]],
) -> None:
    distances = np.array([distance for distance, _ in outcomes])
    weights = fit(distances, np.array([same for _, same in outcomes]))
    assert np.isfinite(weights).all()
    scores = probabilities(terms(np.linspace(0, 1.5, 50)), weights)
    assert (np.diff(scores) <= 1e-12).all()


def test_categories_that_lie_apart_wholly_have_a_fit_and_no_certain_score() -> None:
    distances = np.tile(np.linspace(0.1, 1.2, HITS), (50, 1))
    made = calibrate(distances, distances < 0.6)
    assert isinstance(made, Calibration)
    near, far = made.scores([0.3, 1.0])
    assert near > 0.97
    assert far < 0.03
    weights = fit(distances.ravel(), distances.ravel() < 0.6)
    assert probabilities(terms(distances), weights).min() > 0


def test_the_error_is_the_one_worked_out_by_hand() -> None:
    # Two of the first three are right where .9 is told; one of two where .25 is.
    scores = np.array([0.9, 0.9, 0.9, 0.25, 0.25])
    same = np.array([True, True, False, True, False])
    expected = 3 / 5 * (0.9 - 2 / 3) + 2 / 5 * (0.5 - 0.25)
    assert calibration_error(scores, same) == pytest.approx(expected)
    low, high = reliability(scores, same)
    assert (low.pairs, low.predicted, low.observed) == (2, 0.25, 0.5)
    assert (high.pairs, high.predicted, high.observed) == (
        3,
        pytest.approx(0.9),
        pytest.approx(2 / 3),
    )


def test_a_certain_score_is_in_the_last_bin() -> None:
    [only] = reliability(np.array([1.0, 0.95]), np.array([True, True]))
    assert only.pairs == 2


def test_the_error_is_told_of_queries_that_the_fit_did_not_see() -> None:
    distances, same = drawn(FEWEST_QUERIES * 2, (3.0, 1.5, 0.5))
    told = unseen_scores(distances, same)
    changed = same.copy()
    changed[0] = ~changed[0]
    # A query's own outcomes change the scores of others, never its own.
    again = unseen_scores(distances, changed)
    assert again[0].tolist() == told[0].tolist()
    assert (again[1:] != told[1:]).any()


def test_where_the_distance_tells_nothing_there_are_no_scores() -> None:
    distances, _ = drawn(200, (0.0, 0.0, 0.0))
    made = calibrate(distances, distances > np.median(distances))
    assert made == "near hits are no more often of the query's category than far ones"


@pytest.mark.parametrize(
    ("queries", "same", "reason"),
    [
        (0, True, "20 held-out pictures are needed, and 0 are there"),
        (FEWEST_QUERIES - 1, True, "20 held-out pictures are needed, and 19 are there"),
        (50, True, "0 are of another category"),
        (50, False, "0 are of their own category"),
    ],
)
def test_too_little_to_calibrate_on_is_told(queries: int, same: bool, reason: str) -> None:
    distances = np.full((queries, HITS), 0.5)
    made = calibrate(distances, np.full((queries, HITS), same))
    assert isinstance(made, str)
    assert reason in made


def test_hits_that_are_all_equally_far_give_no_scores() -> None:
    same = np.random.default_rng(0).random((100, HITS)) < 0.5
    made = calibrate(np.full(same.shape, 0.5), same)
    assert made == "the hits of the held-out pictures are all equally far"
