"""Choosing among measurements."""

from indexing.build.choice import MARGIN, Trial, climb, fastest, ladders, reaching
from lookalike.index import SearchParameters


def probes(*numbers: int) -> list[SearchParameters]:
    return [SearchParameters(nprobe=number) for number in numbers]


def test_every_type_has_the_settings_it_knows() -> None:
    assert ladders(lists=0, refined=False, graph=False) == []
    [graph] = ladders(lists=0, refined=False, graph=True)
    assert [step.ef_search for step in graph][:2] == [10, 12]
    assert all(step.nprobe is None for step in graph)
    [lists] = ladders(lists=100, refined=False, graph=False)
    numbers = [step.nprobe or 0 for step in lists]
    assert numbers == sorted(set(numbers))
    assert (numbers[0], numbers[-1]) == (1, 100)
    refined = ladders(lists=2048, refined=True, graph=False)
    assert [ladder[0].k_factor for ladder in refined] == [3, 4, 6, 8]


def test_a_single_list_can_be_tuned() -> None:
    assert ladders(lists=1, refined=False, graph=False) == [probes(1)]


def test_climbing_ends_where_the_target_is_reached_with_its_margin() -> None:
    recalls = {1: 0.9, 2: 0.98, 4: 0.98 + MARGIN, 8: 1.0}
    trials = climb(probes(*recalls), lambda step: recalls[step.nprobe or 0], 0.98)
    assert [trial.parameters.nprobe for trial in trials] == [1, 2, 4]


def test_climbing_ends_where_more_gains_nothing() -> None:
    tried = climb(probes(*range(1, 50)), lambda step: min(0.9, 0.1 * (step.nprobe or 0)), 0.98)
    assert 9 < len(tried) < 15


def test_of_those_that_reach_the_target_the_fastest_is_taken() -> None:
    slow, fast, short = (
        Trial(SearchParameters(nprobe=number), recall, milliseconds)
        for number, recall, milliseconds in [(20, 0.99, 3.0), (30, 0.986, 2.0), (1, 0.984, 0.1)]
    )
    assert fastest(reaching([slow, fast, short], 0.98)) == fast


def test_where_none_reaches_the_target_the_best_is_taken() -> None:
    best, worse = (
        Trial(SearchParameters(nprobe=number), recall, 1.0)
        for number, recall in [(9, 0.97), (1, 0.5)]
    )
    assert reaching([worse, best], 0.98) == [best]


def test_of_equally_fast_ones_the_better_is_taken() -> None:
    trials = [
        Trial(SearchParameters(nprobe=number), 0.9 + number / 100, 1.0) for number in (1, 3, 2)
    ]
    assert fastest(trials).parameters.nprobe == 3
