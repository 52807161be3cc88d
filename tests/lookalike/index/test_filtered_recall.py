"""Recall under filters, on every type: random ones, and ones of another corner than the query's."""

import numpy as np
import pytest

from indexing.build.truth import ABSOLUTE, RELATIVE
from lookalike.index import Selection, bits_of
from lookalike.index.faiss_index import FaissIndex, Rows
from lookalike.vectors import Vectors
from tests.lookalike.index.segments import TYPES, clustered, write_segments

COUNT, CLUSTERS, QUERIES = 12_000, 60, 150
SHARES = (0.5, 0.1, 0.01, 0.0001)
K = 10


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(COUNT + QUERIES, clusters=CLUSTERS)


# Of one segment every search of several is made up.
ONE = pytest.param([COUNT], id="one", marks=pytest.mark.long)
THREE = pytest.param([5001, 6999 - 64, 64], id="three")


@pytest.fixture(scope="module", params=[ONE, THREE])
def divided(request: pytest.FixtureRequest) -> list[int]:
    return request.param


@pytest.fixture(scope="module", params=TYPES)
def index(
    request: pytest.FixtureRequest,
    divided: list[int],
    vectors: Vectors,
    tmp_path_factory: pytest.TempPathFactory,
) -> FaissIndex:
    folder = tmp_path_factory.mktemp("index")
    shards = write_segments(vectors[:COUNT], request.param, folder, divided)
    return FaissIndex(folder, shards, TYPES[request.param])


def random_rows(share: float) -> Rows:
    return np.random.default_rng(3).choice(COUNT, max(1, int(share * COUNT)), replace=False)


def rows_of_some_clusters(share: float) -> Rows:
    """Rows of the first clusters: half of them at most."""
    by_cluster = np.argsort(np.arange(COUNT) % CLUSTERS, kind="stable")
    return by_cluster[: max(1, int(share * COUNT))]


def recall(index: FaissIndex, rows: Rows, queries: Vectors) -> float:
    """Against comparing all, by the codes that the index has."""
    selection = index.select(bits_of(rows, COUNT))
    expected, _ = index.exact(queries, K, selection=selection)
    found, numbers = index.search(queries, K, selection=selection)
    assert np.isin(numbers[numbers >= 0], rows).all()
    reachable = min(K, len(rows))
    bound = expected[:, reachable - 1 : reachable] * (1 + RELATIVE) + ABSOLUTE
    return float((found[:, :reachable] <= bound).mean())


@pytest.mark.parametrize("share", SHARES)
def test_rows_anywhere_are_recalled(index: FaissIndex, share: float, vectors: Vectors) -> None:
    assert recall(index, random_rows(share), vectors[COUNT:]) >= 0.95


@pytest.mark.parametrize("share", SHARES)
def test_rows_far_from_the_query_are_recalled(
    index: FaissIndex, share: float, vectors: Vectors
) -> None:
    others = (np.arange(COUNT, COUNT + QUERIES) % CLUSTERS) >= CLUSTERS // 2
    assert recall(index, rows_of_some_clusters(share), vectors[COUNT:][others]) >= 0.95


@pytest.mark.parametrize("k", [1, 3, 100])
def test_any_number_of_answers_is_recalled_as_without_a_filter(
    index: FaissIndex, k: int, vectors: Vectors
) -> None:
    queries = vectors[COUNT:]

    def recall(selection: Selection | None) -> float:
        expected, _ = index.exact(queries, k, selection=selection)
        found, _ = index.search(queries, k, selection=selection)
        return float((found <= expected[:, -1:] * (1 + RELATIVE) + ABSOLUTE).mean())

    fifth = index.select(bits_of(random_rows(0.2), COUNT))
    assert recall(fifth) >= recall(None) - 0.02
