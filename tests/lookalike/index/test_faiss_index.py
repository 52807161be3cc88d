"""Opened segments, on real faiss files of every type that can be built."""

from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import DigestMismatch
from lookalike.index import SearchParameters, bits_of
from lookalike.index.faiss_index import FaissIndex
from lookalike.vectors import Vectors
from tests.lookalike.index.segments import TYPES, clustered, write_segments

COUNT = 3000
# One segment; base shards; base and a small delta. Odd, so that no segment ends at a byte.
DIVISIONS = {"one": [COUNT], "shards": [1001, 999, 1000], "delta": [1500, 1463, 37]}
APPROXIMATE = {"IVF64,PQ32x4", "PCA64,IVF64,Flat"}  # answer distances of what they keep


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(COUNT)


Opened = dict[tuple[str, str], FaissIndex]


@pytest.fixture(scope="module")
def opened(vectors: Vectors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    indexes = {}
    for factory, parameters in TYPES.items():
        for name, counts in DIVISIONS.items():
            folder = tmp_path_factory.mktemp("index")
            shards = write_segments(vectors, factory, folder, counts)
            indexes[factory, name] = FaissIndex(folder, shards, parameters)
    yield indexes
    indexes.clear()  # while faiss is still there to free them


every_index = pytest.mark.parametrize("division", DIVISIONS)
every_type = pytest.mark.parametrize("factory", TYPES)


@every_type
@every_index
def test_a_vector_of_the_index_finds_itself_first(
    factory: str, division: str, vectors: Vectors, opened: Opened
) -> None:
    distances, rows = opened[factory, division].search(vectors[::15], 10)
    assert (rows[:, 0] == np.arange(COUNT)[::15]).mean() > 0.99
    assert (np.diff(distances, axis=1) >= 0).all()


@every_type
@every_index
def test_a_row_is_given_back_as_it_is_kept(
    factory: str, division: str, vectors: Vectors, opened: Opened
) -> None:
    index = opened[factory, division]
    for row in (0, 1000, 1001, COUNT - 1):
        kept = index.vector(row)
        if kept is None:
            assert index.lists
            assert not index.refined
        else:
            assert kept.dtype == np.float32
            assert np.linalg.norm(kept - vectors[row]) < 0.02


@every_type
@every_index
def test_distances_are_euclidean(
    factory: str, division: str, vectors: Vectors, opened: Opened
) -> None:
    distances, rows = opened[factory, division].search(vectors[:20], 5)
    exact = np.linalg.norm(vectors[rows] - vectors[:20, np.newaxis], axis=2)
    tolerance = 0.5 if factory in APPROXIMATE else 0.03
    assert np.allclose(distances, exact, atol=tolerance)


@every_type
def test_segments_answer_as_one_index_does(factory: str, vectors: Vectors, opened: Opened) -> None:
    whole = opened[factory, "one"].search(vectors[:200], 10)
    for division in ("shards", "delta"):
        parts = opened[factory, division].search(vectors[:200], 10)
        if factory == "HNSW32":  # graphs of parts find a little more than one graph
            assert (parts[1] == whole[1]).mean() > 0.95
            continue
        assert np.allclose(parts[0], whole[0], atol=1e-3)
        assert (parts[1] == whole[1]).mean() > 0.999  # but for ties


@every_type
@every_index
def test_one_query_answers_as_it_does_among_others(
    factory: str, division: str, vectors: Vectors, opened: Opened
) -> None:
    together = opened[factory, division].search(vectors[:30], 7)
    alone = [opened[factory, division].search(vectors[row : row + 1], 7) for row in range(30)]
    assert np.allclose(together[0], np.vstack([distances for distances, _ in alone]), atol=1e-3)
    assert (together[1] == np.vstack([rows for _, rows in alone])).mean() > 0.99


@every_type
@every_index
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_no_dead_row_is_ever_returned_and_none_alive_is_missed(
    factory: str, division: str, vectors: Vectors, opened: Opened, data: st.DataObject
) -> None:
    index = opened[factory, division]
    share = data.draw(st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 1.0]))
    k = data.draw(st.sampled_from([1, 10, 50, 1000]))
    alive = np.random.default_rng(data.draw(st.integers(0, 99))).random(COUNT) < share
    selection = index.select(np.packbits(alive, bitorder="little"))
    assert selection.count == alive.sum()
    # The queries are dead rows, whose nearest neighbour must not come back.
    distances, rows = index.search(vectors[~alive][:7], k, selection=selection)
    found = rows >= 0
    assert alive[rows[found]].all()
    assert (found.sum(axis=1) == min(k, alive.sum())).all()
    assert np.isinf(distances[~found]).all()
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in rows)


@every_type
@every_index
def test_a_few_selected_rows_are_all_compared(
    factory: str, division: str, vectors: Vectors, opened: Opened
) -> None:
    chosen = np.arange(5, COUNT, 100)
    index = opened[factory, division]
    selection = index.select(bits_of(chosen, COUNT))
    _, rows = index.search(vectors[:50], 5, selection=selection)
    _, exact = faiss.knn(vectors[:50], vectors[chosen], 5)
    least = 0.5 if factory in APPROXIMATE else 0.97
    assert np.mean([np.isin(a, chosen[b]).mean() for a, b in zip(rows, exact, strict=True)]) > least


def test_tombstones_and_a_selection_hold_together(vectors: Vectors, tmp_path: Path) -> None:
    shards = write_segments(vectors, "IVF64,PQ64x4fs,Refine(SQfp16)", tmp_path, [2000, 1000])
    dead = bits_of(range(0, COUNT, 2), COUNT)
    index = FaissIndex(tmp_path, shards, SearchParameters(nprobe=20, k_factor=6), dead)
    _, rows = index.search(vectors[:100], 10)
    assert (rows % 2 == 1).all()
    third = index.select(bits_of(range(0, COUNT, 3), COUNT))
    _, rows = index.search(vectors[:100], 10, selection=third)
    assert (rows % 6 == 3).all()


def test_search_parameters_reach_faiss(vectors: Vectors, tmp_path: Path) -> None:
    shards = write_segments(vectors, "IVF64,Flat", tmp_path, [COUNT])
    index = FaissIndex(tmp_path, shards, SearchParameters(nprobe=1))
    exact, _ = faiss.knn(vectors[:100], vectors, 10)

    def recall(nprobe: int | None) -> float:
        chosen = None if nprobe is None else SearchParameters(nprobe=nprobe)
        distances, _ = index.search(vectors[:100], 10, parameters=chosen)
        return float((distances**2 <= exact[:, -1:] + 1e-5).mean())

    assert recall(None) == recall(1) < recall(8) <= recall(64)
    assert recall(64) > 0.999


@every_type
@every_index
def test_more_than_there_is_comes_back_as_empty_places(
    factory: str, division: str, vectors: Vectors, opened: Opened
) -> None:
    distances, rows = opened[factory, division].search(vectors[:2], COUNT + 5)
    assert (rows[:, COUNT:] == -1).all()
    assert np.isinf(distances[:, COUNT:]).all()
    assert (np.sort(rows[:, :COUNT], axis=1) == np.arange(COUNT)).all()


def test_a_shard_of_another_length_than_its_manifest_says_is_refused(
    vectors: Vectors, tmp_path: Path
) -> None:
    [shard] = write_segments(vectors, "Flat", tmp_path, [COUNT])
    wrong = type(shard)(file=shard.file, pictures=shard.pictures, vectors=7)
    with pytest.raises(DigestMismatch, match="3000 vectors"):
        FaissIndex(tmp_path, [wrong], SearchParameters())
