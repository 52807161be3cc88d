"""Exact answers, and what share of them a search finds."""

from collections.abc import Callable

import numpy as np
import pytest

from indexing.build import truth
from lookalike.index.faiss_index import Distances, Rows
from lookalike.vectors import Vectors, unit

Answer = tuple[Distances, Rows]


def vectors(count: int) -> Vectors:
    return unit(np.random.default_rng(0).normal(size=(count, 16)).astype(np.float32))


def by_distance(held: Vectors, order: Rows, sign: float) -> Callable[[Vectors, int], Answer]:
    """Find the nearest rows, or with sign -1 the query's own and the farthest."""

    def search(queries: Vectors, k: int) -> Answer:
        gaps = ((held[order][None] - queries[:, None]) ** 2).sum(axis=2)
        gaps[gaps < 1e-9] = -np.inf if sign < 0 else 0
        gaps = np.where(np.isinf(gaps), gaps, sign * gaps)
        return gaps[:, :k], np.argsort(gaps, axis=1, kind="stable")[:, :k]

    return search


@pytest.mark.parametrize("count", [2, 5, 300])
def test_exact_search_recalls_everything(count: int) -> None:
    held = vectors(count)
    order = np.random.default_rng(1).permutation(count)
    found = truth.exact(held, order, np.arange(min(count, 50)), 10, 1)
    assert found.k == min(10, count - 1)
    assert truth.recall(found, by_distance(held, order, 1), held, order) == 1.0


def test_finding_only_oneself_is_no_recall_at_all() -> None:
    held, order = vectors(300), np.arange(300)
    found = truth.exact(held, order, np.arange(50), 10, 1)
    assert truth.recall(found, by_distance(held, order, -1), held, order) == 0.0


def test_pictures_that_are_there_many_times_do_not_count_against_an_index() -> None:
    held, order = np.tile(vectors(30), (30, 1)), np.arange(900)
    found = truth.exact(held, order, np.arange(50), 10, 1)
    assert np.allclose(found.bound, 0)

    def last_copies(queries: Vectors, k: int) -> Answer:
        gaps, rows = by_distance(held, order[::-1], 1)(queries, k)
        return gaps, 899 - rows

    assert truth.recall(found, last_copies, held, order) == 1.0


def test_places_that_stay_empty_are_missed_ones() -> None:
    held, order = vectors(100), np.arange(100)
    found = truth.exact(held, order, np.arange(20), 10, 1)

    def half(queries: Vectors, k: int) -> Answer:
        gaps, rows = by_distance(held, order, 1)(queries, k)
        rows[:, 6:] = -1  # the query itself and five others are left
        return gaps, rows

    assert truth.recall(found, half, held, order) == 0.5


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    held, order = vectors(300), np.arange(300)
    whole = truth.exact(held, order, np.arange(20), 10, 1)
    monkeypatch.setattr(truth, "CHUNK", 7)
    assert np.allclose(whole.bound, truth.exact(held, order, np.arange(20), 10, 1).bound)
