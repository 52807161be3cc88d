"""Candidates take turns, and what is timed is theirs alone."""

from collections import Counter
from functools import partial

import pytest

from bench.harness import Candidate, measure


class Clock:
    """Stands still but for the work that is done by it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.worked: list[str] = []

    def work(self, name: str, seconds: float) -> None:
        self.worked.append(name)
        self.now += seconds


def candidates(clock: Clock, **seconds: float) -> list[Candidate]:
    return [
        Candidate(name=name, items=4, run=partial(clock.work, name, spent))
        for name, spent in seconds.items()
    ]


def test_seconds_are_an_item_s_and_one_a_round() -> None:
    clock = Clock()
    measured = measure(candidates(clock, a=0.5, b=2.0), 3, lambda: clock.now)
    assert measured == {"a": pytest.approx([0.125] * 3), "b": pytest.approx([0.5] * 3)}


def test_every_candidate_runs_once_in_the_warm_up_and_once_a_round() -> None:
    clock = Clock()
    measure(candidates(clock, a=1, b=1, c=1), 20, lambda: clock.now)
    rounds = [clock.worked[start : start + 3] for start in range(0, len(clock.worked), 3)]
    assert len(rounds) == 21
    assert all(Counter(done) == Counter("abc") for done in rounds)


def test_rounds_differ_in_their_order() -> None:
    clock = Clock()
    measure(candidates(clock, a=1, b=1, c=1), 20, lambda: clock.now)
    orders = {tuple(clock.worked[start : start + 3]) for start in range(3, 63, 3)}
    assert len(orders) > 3


def test_the_warm_up_is_not_timed() -> None:
    clock = Clock()
    slow_at_first = iter([100.0, 1.0, 1.0])
    candidate = Candidate(name="a", items=1, run=lambda: clock.work("a", next(slow_at_first)))
    assert measure([candidate], 2, lambda: clock.now) == {"a": [1.0, 1.0]}


def test_what_prepares_a_run_comes_before_each_and_is_not_timed() -> None:
    clock = Clock()
    candidate = Candidate(
        name="a",
        items=1,
        prepare=partial(clock.work, "prepare", 50),
        run=partial(clock.work, "run", 1),
    )
    assert measure([candidate], 2, lambda: clock.now) == {"a": [1.0, 1.0]}
    assert clock.worked == ["prepare", "run"] * 3
