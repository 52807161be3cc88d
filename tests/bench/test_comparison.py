"""Ratios by hand: paired round by round, then summarised."""

import pytest

from bench.comparison import Row, Spread, compare
from bench.harness import Candidate

BASE = Candidate(name="base", items=1, run=lambda: None)
OTHER = Candidate(name="other", items=1, run=lambda: None, baseline="base")


def compared(base: list[float], other: list[float]) -> tuple[Row, Row]:
    first, second = compare([BASE, OTHER], {"base": base, "other": other})
    return first, second


def test_a_spread_holds_median_quartiles_and_extremes() -> None:
    assert Spread.of([9.0, 1.0, 3.0, 5.0, 7.0]) == Spread(
        median=5.0, lower_quartile=3.0, upper_quartile=7.0, lowest=1.0, highest=9.0
    )


def test_one_round_has_no_spread() -> None:
    assert Spread.of([2.0]) == Spread(
        median=2.0, lower_quartile=2.0, upper_quartile=2.0, lowest=2.0, highest=2.0
    )


def test_rates_are_the_inverse_of_the_times() -> None:
    base, _ = compared([0.5, 0.25, 0.1], [1.0, 1.0, 1.0])
    assert base.items_per_second.median == pytest.approx(4.0)
    assert base.items_per_second.lowest == pytest.approx(2.0)
    assert base.items_per_second.highest == pytest.approx(10.0)
    assert base.seconds_per_item == [0.5, 0.25, 0.1]


def test_a_baseline_is_compared_with_nothing() -> None:
    base, _ = compared([1.0], [1.0])
    assert base.against is None


def test_a_machine_that_slows_down_leaves_the_ratio_as_it_is() -> None:
    _, other = compared([1.0, 10.0, 2.0], [2.0, 20.0, 4.0])
    assert other.against is not None
    assert other.against.baseline == "base"
    assert other.against.ratio == Spread.of([0.5])


def test_the_ratio_is_the_median_of_ratios_and_not_the_ratio_of_medians() -> None:
    _, other = compared([1.0, 2.0, 3.0], [1.0, 8.0, 2.0])
    assert other.against is not None
    # 1, 1/4 and 3/2; the medians' would be 2/2, the means' 6/11.
    assert other.against.ratio.median == 1.0
    assert other.against.ratio.lowest == 0.25
    assert other.against.ratio.highest == 1.5
    assert other.against.ratio.lower_quartile == pytest.approx(0.625)


def test_what_a_candidate_takes_longer_is_in_milliseconds_an_item() -> None:
    _, other = compared([0.010, 0.020, 0.030], [0.013, 0.018, 0.034])
    assert other.against is not None
    assert other.against.extra_ms.median == pytest.approx(3.0)
    assert other.against.extra_ms.lowest == pytest.approx(-2.0)
