"""How hard a search under a selection is: decided by numbers alone."""

from lookalike.index import SearchParameters
from lookalike.index.effort import (
    MOST_K_FACTOR,
    enough,
    looking,
    neighbours,
    search_ns,
    widened,
    worth_comparing_all,
    worth_gathering,
)

MILLION = 10**6
TUNED = SearchParameters(nprobe=16, k_factor=4)


def nprobe(selected: int) -> int:
    return widened(TUNED, selected, 100, lists=2048).nprobe or 0


def test_the_fewer_neighbours_are_selected_the_wider_the_search() -> None:
    probes = [nprobe(selected) for selected in (100, 50, 10, 3, 1, 0)]
    assert probes == sorted(probes)
    assert probes[0] < 2 * 16
    assert probes[-1] > 1000
    # Three lists in four, and no more.
    assert widened(SearchParameters(nprobe=64), 0, 100, lists=2048).nprobe == 2048 * 3 // 4

    graph = [
        widened(SearchParameters(ef_search=32), selected, 100, lists=0).ef_search or 0
        for selected in (100, 50, 10, 0)
    ]
    assert graph == sorted(graph)
    assert graph[0] <= 3 * 32


def test_more_candidates_are_refined_where_the_selected_rows_are_far() -> None:
    factors = [widened(TUNED, n, 100, lists=2048).k_factor or 0 for n in (50, 10, 0)]
    assert TUNED.k_factor is not None
    assert TUNED.k_factor < factors[0] < factors[1] < factors[2] == MOST_K_FACTOR
    unrefined = widened(SearchParameters(nprobe=8), 10, 100, lists=100)
    assert unrefined.k_factor is None


def test_a_search_is_never_narrower_than_the_version_was_tuned_to() -> None:
    wide = SearchParameters(nprobe=90, k_factor=100)
    assert widened(wide, 100, 100, lists=100) == wide


def test_what_a_version_does_not_say_is_what_faiss_takes() -> None:
    assert widened(SearchParameters(), 50, 100, lists=100).nprobe == 2
    assert (widened(SearchParameters(), 100, 100, lists=0).ef_search or 0) >= 16


def test_where_most_rows_are_alive_few_neighbours_are_looked_at() -> None:
    assert enough(TUNED, 10) == 40
    assert enough(SearchParameters(ef_search=32), 10) == 30
    assert neighbours(40, 1_000_000, MILLION) == 50
    assert neighbours(40, 10_000, MILLION) == neighbours(40, 400_000, MILLION) == 125
    assert neighbours(40, 7, 20) == 20
    assert looking(TUNED, 100, graph=False) == SearchParameters(nprobe=16, k_factor=1)
    assert looking(SearchParameters(ef_search=32), 100, graph=True).ef_search == 200
    assert looking(SearchParameters(ef_search=320), 100, graph=True).ef_search == 320


def test_few_selected_rows_are_compared_one_by_one() -> None:
    usual = search_ns(widened(TUNED, 1, 100, lists=2048), MILLION, lists=2048)
    assert worth_comparing_all(1000, MILLION, usual, by_row=True)
    assert worth_comparing_all(100, 10**8, 0, by_row=True)
    assert not worth_comparing_all(100_000, MILLION, usual, by_row=True)
    far = search_ns(widened(TUNED, 0, 100, lists=2048), MILLION, lists=2048)
    assert worth_comparing_all(10_000, MILLION, far, by_row=True)
    walk = search_ns(SearchParameters(ef_search=300), 100_000, lists=0)
    assert worth_comparing_all(10_000, 100_000, walk, by_row=True)


def test_where_rows_cannot_be_looked_up_all_lists_are_scanned_only_for_those_far_away() -> None:
    usual = search_ns(SearchParameters(nprobe=16), MILLION, lists=2048)
    assert not worth_comparing_all(10, MILLION, usual, by_row=False)
    far = search_ns(widened(TUNED, 0, 100, lists=2048), MILLION, lists=2048)
    assert worth_comparing_all(10, MILLION, far, by_row=False)


def test_very_few_rows_are_looked_up_and_not_searched_for() -> None:
    assert worth_gathering(100, MILLION)
    assert not worth_gathering(100_000, MILLION)
    assert worth_gathering(100_000, 100 * MILLION)
