"""Choosing among measurements."""

import pytest

from indexing.build.choice import MARGIN, Trial, climb, fastest, ladders, reaching
from lookalike.index import SearchParameters

NOTHING = SearchParameters()


def probes(*numbers: int) -> list[SearchParameters]:
    return [SearchParameters(nprobe=number) for number in numbers]


def test_every_type_has_the_settings_it_knows() -> None:
    assert ladders(lists=0, refined=False, graph=False, given=NOTHING) == []
    [graph] = ladders(lists=0, refined=False, graph=True, given=NOTHING)
    assert [step.ef_search for step in graph][:2] == [10, 12]
    assert all(step.nprobe is None for step in graph)
    [lists] = ladders(lists=100, refined=False, graph=False, given=NOTHING)
    numbers = [step.nprobe or 0 for step in lists]
    assert numbers == sorted(set(numbers))
    assert (numbers[0], numbers[-1]) == (1, 100)
    refined = ladders(lists=2048, refined=True, graph=False, given=NOTHING)
    assert [ladder[0].k_factor for ladder in refined] == [3, 4, 6, 8]


def test_a_single_list_can_be_tuned() -> None:
    assert ladders(lists=1, refined=False, graph=False, given=NOTHING) == [probes(1)]


def test_what_is_given_is_not_tried_otherwise_and_the_rest_is() -> None:
    refining = SearchParameters(k_factor=5)
    [lists] = ladders(lists=100, refined=True, graph=False, given=refining)
    assert {step.k_factor for step in lists} == {5}
    assert [step.nprobe for step in lists][:3] == [1, 2, 3]
    factors = ladders(lists=100, refined=True, graph=False, given=SearchParameters(nprobe=7))
    assert [[(step.nprobe, step.k_factor) for step in ladder] for ladder in factors] == [
        [(7, factor)] for factor in (3, 4, 6, 8)
    ]


@pytest.mark.parametrize(
    ("lists", "refined", "graph", "given"),
    [
        (100, True, False, SearchParameters(nprobe=7, k_factor=5)),
        (1, False, False, SearchParameters(nprobe=1)),
        (0, False, True, SearchParameters(ef_search=40)),
    ],
)
def test_where_everything_is_given_nothing_is_tried(
    lists: int, refined: bool, graph: bool, given: SearchParameters
) -> None:
    assert ladders(lists=lists, refined=refined, graph=graph, given=given) == []


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
