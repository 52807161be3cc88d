"""What a build measures about itself."""

import faiss
import numpy as np
import pytest

from indexing.build import check_factory, measure_recall
from indexing.factory import Recipe
from lookalike.errors import ConfigurationError
from lookalike.index import SearchParameters
from lookalike.vectors import Vectors, unit

EXACT = Recipe("Flat", SearchParameters())


def vectors(count: int) -> Vectors:
    return unit(np.random.default_rng(0).normal(size=(count, 16)).astype(np.float32))


class OnlyItself:
    """An index that finds the query's own row, and beside it the rows farthest away."""

    def __init__(self, held: Vectors) -> None:
        self._held = held

    def search(self, queries: Vectors, k: int, params: object) -> tuple[Vectors, np.ndarray]:
        assert params is None
        order = np.argsort(-((self._held[None] - queries[:, None]) ** 2).sum(axis=2), axis=1)
        own = order[:, -1:]
        return np.zeros((len(queries), k), np.float32), np.hstack([own, order[:, : k - 1]])


def exact_index(held: Vectors) -> faiss.Index:
    index = faiss.IndexFlatL2(held.shape[1])
    index.add(held)
    return index


@pytest.mark.parametrize("count", [1, 2, 5, 300])
def test_exact_search_recalls_everything(count: int) -> None:
    held = vectors(count)
    assert measure_recall(exact_index(held), held, EXACT) == 1.0


def test_finding_only_oneself_is_no_recall_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    held = vectors(300)
    monkeypatch.setattr("indexing.build.search_parameters", lambda *_: None)
    assert measure_recall(OnlyItself(held), held, EXACT) == 0.0


def test_a_factory_that_faiss_does_not_know_is_refused_before_any_work() -> None:
    check_factory("IVF100,Flat")
    with pytest.raises(ConfigurationError, match="Nonsense"):
        check_factory("Nonsense,Flat")
