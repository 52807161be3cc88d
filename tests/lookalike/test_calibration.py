"""From distances to scores, by the formula of beta calibration."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.calibration import Calibration

WEIGHTS = st.floats(0, 20)
DISTANCES = st.floats(0, 2)


def calibration(a: float, b: float, c: float) -> Calibration:
    return Calibration(a=a, b=b, c=c, ece=0.02, queries=66, pairs=660, same=0.6)


def test_the_odds_are_those_of_the_formula() -> None:
    distance = math.sqrt(2 - 2 * 0.8)  # of a cosine of .8
    odds = math.exp(0.5) * 0.8**3 / 0.2**2
    [score] = calibration(3, 2, 0.5).scores([distance])
    assert score == pytest.approx(odds / (1 + odds), abs=1e-4)


@given(a=WEIGHTS, b=WEIGHTS, c=st.floats(-20, 20), near=DISTANCES, far=DISTANCES)
def test_a_nearer_hit_never_scores_lower_and_scores_are_probabilities(
    a: float, b: float, c: float, near: float, far: float
) -> None:
    nearer, further = calibration(a, b, c).scores(sorted([near, far]))
    assert 0 <= further <= nearer <= 1


def test_rounding_errors_beyond_either_end_are_the_end() -> None:
    made = calibration(3, 2, 0.5)
    assert made.scores([0.0, math.sqrt(2), 1.5]).tolist() == [1.0, 0.0, 0.0]


def test_scores_have_the_form_of_the_distances() -> None:
    assert calibration(1, 1, 0).scores([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]).shape == (2, 3)
    assert calibration(1, 1, 0).scores([]).shape == (0,)


def test_a_card_cannot_hold_a_curve_that_rises() -> None:
    wrong = msgspec.json.encode(calibration(-1, 1, 0))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(wrong, type=Calibration)
