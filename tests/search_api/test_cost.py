import threading
import time

import pytest

from search_api.cost import FEWEST, LOOP_SECONDS, SELDOM, Cost
from search_api.native import run_briefly


def known(seconds: float) -> Cost:
    cost = Cost()
    for _ in range(FEWEST * 4):
        cost.took(seconds)
    return cost


def test_nobody_knows_at_first() -> None:
    cost = Cost()
    for _ in range(FEWEST - 1):
        cost.took(0.0001)
        assert cost.at_most == float("inf")
    cost.took(0.0001)
    assert cost.at_most < LOOP_SECONDS


def test_what_varies_is_expected_to_take_more_than_its_mean() -> None:
    steady, varying = known(0.001), Cost()
    for number in range(FEWEST * 4):
        varying.took(0.0015 if number % 2 else 0.0005)
    assert steady.at_most == pytest.approx(0.001, rel=0.01)
    assert varying.at_most > 0.0014


def test_one_that_takes_long_is_noticed_and_forgiven() -> None:
    cost = known(0.0002)
    cost.took(0.05)
    assert cost.at_most > LOOP_SECONDS
    for _ in range(60):
        cost.took(0.0002)
    assert cost.at_most < LOOP_SECONDS


def test_work_is_measured_and_its_result_given() -> None:
    cost = Cost()
    for _ in range(FEWEST):
        assert cost.measured(lambda: sum(range(1000))) == 499_500
    assert 0 < cost.at_most < float("inf")


def test_only_what_is_known_to_take_little_runs_on_the_event_loop() -> None:
    here = threading.get_ident()
    for cost, at_once in ((Cost(), False), (known(0.0001), True), (known(0.01), False)):
        assert (run_briefly(threading.get_ident, cost) == here) is at_once


def test_of_brief_work_one_piece_in_some_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    cost, measured = known(0.0001), list[float]()
    monkeypatch.setattr(cost, "took", measured.append)
    for number in range(3 * SELDOM):
        assert cost.brief(lambda number=number: number) == number  # type: ignore[misc]
    assert len(measured) == 3


def test_brief_work_that_waited_for_a_disk_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = iter([5, 5, 5, 7])  # before and after the one that is measured, at it, and now
    monkeypatch.setattr("search_api.cost._faults", lambda: next(faults))
    cost = known(0.0001)
    cost.brief(int)
    cost.brief(lambda: time.sleep(2 * LOOP_SECONDS))
    assert cost.at_most > LOOP_SECONDS


def test_after_brief_work_that_took_long_for_once_the_next_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cost, measured = known(0.0001), list[float]()
    monkeypatch.setattr(cost, "took", measured.append)
    cost.brief(int)
    cost.brief(lambda: time.sleep(2 * LOOP_SECONDS))
    assert len(measured) == 1
    cost.brief(int)
    assert len(measured) == 2
    assert cost.at_most < LOOP_SECONDS


def test_an_error_of_brief_work_is_raised() -> None:
    for cost in (Cost(), known(0.0001)):
        with pytest.raises(ZeroDivisionError):
            run_briefly(lambda: 1 // 0, cost)
