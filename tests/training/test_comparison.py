"""Better, worse, or not distinguishable: by the queries' differences."""

import msgspec
import numpy as np
import pytest

from lookalike.model_card import Comparison
from training.comparison import difference


def precisions(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 0.8, count)


def test_the_same_is_not_distinguishable() -> None:
    old = precisions(50)
    assert difference(old, old) == (0, 0, 0)
    assert difference(old, old).verdict == "not distinguishable"


@pytest.mark.parametrize(("gain", "verdict"), [(0.1, "better"), (-0.1, "worse")])
def test_a_difference_of_every_query_is_told(gain: float, verdict: str) -> None:
    old = precisions(50)
    found = difference(old + gain, old)
    assert found.mean == pytest.approx(gain)
    assert found.verdict == verdict


def test_it_is_paired_hard_queries_are_hard_for_both() -> None:
    """Between queries precision varies by .17; the gain is a tenth of that, and each has it."""
    old = precisions(200)
    noise = np.random.default_rng(1).normal(0, 0.02, 200)
    assert difference(old + 0.02 + noise, old).verdict == "better"
    assert difference(precisions(200, 2) + 0.02, old).verdict == "not distinguishable"


def test_chance_alone_is_called_a_difference_one_time_in_twenty() -> None:
    draw = np.random.default_rng(0)
    old = np.zeros(60)
    verdicts = [difference(draw.normal(0, 0.1, 60), old).verdict for _ in range(200)]
    assert 0.9 < verdicts.count("not distinguishable") / 200 < 0.99


def test_it_is_told_in_a_sentence() -> None:
    told = Comparison(
        version=3,
        weights_sha256="0" * 64,
        queries=66,
        verdict="better",
        map=0.857,
        other_map=0.8,
        low=0.02,
        high=0.09,
    )
    assert str(told) == (
        "better than model 3: mAP 0.857 beside 0.800 on 66 pictures that neither was trained on, "
        "difference +0.020 to +0.090"
    )
    few = msgspec.structs.replace(told, verdict="unknown", queries=4)
    assert str(few) == "beside model 3 nothing can be told: 4 pictures are new to both"
