"""Opened versions, on real faiss files of every type that is built."""

import sqlite3
from pathlib import Path

import faiss
import numpy as np
import pytest

from indexing.factory import FLAT_UP_TO, HNSW_UP_TO, SEED_FACTORY, choose, seed_recipe
from lookalike.errors import DataError, DigestMismatch
from lookalike.index import PictureRow, PictureTable, SearchParameters, Shard, write_pictures
from lookalike.index.faiss_index import FaissIndex
from lookalike.index.pictures import Quarantined
from lookalike.vectors import Vectors, unit

COUNT = 3000
TYPES = {
    "Flat": SearchParameters(),
    "IVF100,Flat": SearchParameters(nprobe=8),
    "HNSW32": SearchParameters(ef_search=40),
    "IVF64,PQ64x4fs,Refine(SQfp16)": SearchParameters(nprobe=20, k_factor=6),
}


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    draw = np.random.default_rng(5)
    centres = draw.normal(size=(60, 128))
    noise = draw.normal(scale=0.6, size=(COUNT, 128))
    return unit(np.maximum(centres[np.arange(COUNT) % 60] + noise, 0).astype(np.float32))


def write(vectors: Vectors, factory: str, path: Path) -> Shard:
    index = faiss.index_factory(vectors.shape[1], factory)
    index.train(vectors)
    index.add(vectors)
    faiss.write_index(index, str(path))
    return Shard(file=path.name, vectors=len(vectors))


@pytest.mark.parametrize("factory", TYPES)
def test_a_vector_of_the_index_finds_itself_first(
    factory: str, vectors: Vectors, tmp_path: Path
) -> None:
    shard = write(vectors, factory, tmp_path / "a.faiss")
    index = FaissIndex(tmp_path, [shard], TYPES[factory])
    distances, rows = index.search(vectors[:200], 10)
    assert (rows[:, 0] == np.arange(200)).all()
    assert distances[:, 0].max() < 1e-3
    assert (np.diff(distances, axis=1) >= 0).all()


@pytest.mark.parametrize("factory", TYPES)
def test_distances_are_euclidean(factory: str, vectors: Vectors, tmp_path: Path) -> None:
    index = FaissIndex(tmp_path, [write(vectors, factory, tmp_path / "a.faiss")], TYPES[factory])
    distances, rows = index.search(vectors[:20], 5)
    exact = np.linalg.norm(vectors[rows] - vectors[:20, np.newaxis], axis=2)
    assert np.allclose(distances, exact, atol=1e-3)


def test_search_parameters_reach_faiss(vectors: Vectors, tmp_path: Path) -> None:
    shard = write(vectors, "IVF64,Flat", tmp_path / "a.faiss")
    exact, _ = faiss.knn(vectors[:100], vectors, 10)

    def recall(nprobe: int) -> float:
        index = FaissIndex(tmp_path, [shard], SearchParameters(nprobe=nprobe))
        distances, _ = index.search(vectors[:100], 10)
        return float((distances**2 <= exact[:, -1:] + 1e-5).mean())

    assert recall(1) < recall(8) <= recall(64)
    assert recall(64) > 0.999


def test_shards_answer_as_one_index_would(vectors: Vectors, tmp_path: Path) -> None:
    whole = FaissIndex(
        tmp_path, [write(vectors, "Flat", tmp_path / "whole.faiss")], SearchParameters()
    )
    parts = [
        write(part, "Flat", tmp_path / f"{number}.faiss")
        for number, part in enumerate(np.array_split(vectors, [7, 1000]))
    ]
    shards = FaissIndex(tmp_path, parts, SearchParameters())
    for k in (1, 10, COUNT + 5):
        left, right = whole.search(vectors[:50], k), shards.search(vectors[:50], k)
        assert np.allclose(left[0], right[0], atol=1e-4)
        assert (left[1] == right[1]).mean() > 0.999  # but for ties


def test_more_than_there_is_comes_back_as_empty_places(vectors: Vectors, tmp_path: Path) -> None:
    shard = write(vectors[:3], "Flat", tmp_path / "a.faiss")
    distances, rows = FaissIndex(tmp_path, [shard], SearchParameters()).search(vectors[:1], 5)
    assert rows[0, 3:].tolist() == [-1, -1]
    assert np.isinf(distances[0, 3:]).all()


def test_a_shard_of_another_length_than_its_manifest_says_is_refused(
    vectors: Vectors, tmp_path: Path
) -> None:
    shard = write(vectors, "Flat", tmp_path / "a.faiss")
    with pytest.raises(DigestMismatch, match="3000 vectors"):
        FaissIndex(tmp_path, [Shard(file=shard.file, vectors=7)], SearchParameters())


def test_the_type_follows_the_size() -> None:
    assert choose(1).factory == choose(FLAT_UP_TO).factory == "Flat"
    assert choose(FLAT_UP_TO + 1).factory == choose(HNSW_UP_TO).factory == "HNSW32"
    assert choose(1_000_000).factory == "IVF2048,PQ64x4fs,Refine(SQfp16)"
    assert choose(10_000_000).factory == "IVF8192,PQ64x4fs,Refine(SQfp16)"


def test_the_seed_recipe_is_flat_up_to_a_hundred() -> None:
    assert seed_recipe(100).factory == "Flat"
    assert seed_recipe(101).factory == SEED_FACTORY == "IVF100,Flat"
    assert seed_recipe(101).search.nprobe == 8


ROWS = [
    PictureRow("a/1.png", "a/1.png", "a", b"1" * 32),
    PictureRow('it\'s "quoted"/日本 🦜.png', "u", None, b"2" * 32),
    PictureRow("x" * 4096, "u", "", b"3" * 32),
]


def test_pictures_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "pictures #1?.sqlite"
    write_pictures(path, ROWS, [Quarantined("b", "b", "truncated-picture", "why")])
    table = PictureTable(path)
    assert table.rows([2, 0, 1]) == [ROWS[2], ROWS[0], ROWS[1]]
    assert table.rows([]) == []
    assert table.quarantine() == [Quarantined("b", "b", "truncated-picture", "why")]
    table.close()


def test_a_thousand_rows_can_be_asked_for_at_once(tmp_path: Path) -> None:
    rows = [PictureRow(str(n), str(n), None, b"") for n in range(2000)]
    write_pictures(tmp_path / "p.sqlite", rows, [])
    table = PictureTable(tmp_path / "p.sqlite")
    assert [row.id for row in table.rows(list(range(1999, 999, -1)))][:2] == ["1999", "1998"]
    table.close()


def test_two_pictures_of_one_id_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="twice"):
        write_pictures(tmp_path / "p.sqlite", [ROWS[0], ROWS[0]], [])


def test_a_published_table_is_never_changed(tmp_path: Path) -> None:
    write_pictures(tmp_path / "p.sqlite", ROWS, [])
    table = PictureTable(tmp_path / "p.sqlite")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        table._connection.execute("DELETE FROM pictures")
    table.close()
