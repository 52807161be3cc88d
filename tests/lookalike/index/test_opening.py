"""Opening: files are mapped, answers are faiss' own bit for bit, and nothing is left behind."""

import gc
import threading
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from indexing.build.training import TRAINED
from lookalike.errors import DigestMismatch
from lookalike.index import SearchParameters, Shard
from lookalike.index.faiss_index import FaissIndex
from lookalike.index.kinds import faiss_parameters, layers
from lookalike.vectors import Vectors
from tests.lookalike.index.segments import TYPES, clustered, write_segments

COUNT = 3000
FAST_SCAN = "IVF64,PQ64x4fs,Refine(SQfp16)"


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(COUNT)


def plain(vectors: Vectors, factory: str, folder: Path) -> Any:
    """One index as faiss itself builds it in memory, of the same training."""
    trained = folder.parent / f"{factory}.{TRAINED}"
    if trained.exists():
        index = faiss.read_index(str(trained))
    else:
        index = faiss.index_factory(vectors.shape[1], factory)
    index.add(vectors)
    return index


@pytest.mark.parametrize("factory", [name for name in TYPES if name != "HNSW32"])
def test_one_segment_answers_bit_for_bit_as_faiss_does(
    factory: str, vectors: Vectors, tmp_path: Path
) -> None:
    shards = write_segments(vectors, factory, tmp_path, [COUNT])
    raw = plain(vectors, factory, tmp_path)
    chosen = faiss_parameters(layers(raw), TYPES[factory], None)
    faiss.omp_set_num_threads(1)  # as many as the other has, since sums depend on them
    squared, rows = raw.search(vectors[:300], 10, params=chosen)
    found = FaissIndex(tmp_path, shards, TYPES[factory]).search(vectors[:300], 10)
    assert (found[1] == rows).all()
    assert (found[0] == np.sqrt(np.maximum(squared, 0))).all()


def mapped_bytes(files: set[str]) -> int:
    """Bytes of this process' address space that map these files."""
    total = 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, *_, name = line.split(maxsplit=5)
        if name in files:
            first, last = (int(end, 16) for end in place.split("-"))
            total += last - first
    return total


def test_the_files_of_a_segment_are_mapped_and_let_go_of(vectors: Vectors, tmp_path: Path) -> None:
    shards = write_segments(vectors, FAST_SCAN, tmp_path, [2000, 1000])
    files = {str(tmp_path / name) for shard in shards for name in shard.faiss_files}
    index = FaissIndex(tmp_path, shards, TYPES[FAST_SCAN])
    index.search(vectors[:5], 10)
    assert mapped_bytes(files) >= sum(Path(file).stat().st_size for file in files)
    del index
    gc.collect()
    assert mapped_bytes(files) == 0


@pytest.mark.parametrize("factory", TYPES)
def test_versions_are_opened_and_closed_any_number_of_times(
    factory: str, vectors: Vectors, tmp_path: Path
) -> None:
    shards = write_segments(vectors, factory, tmp_path, [2000, 1000])
    expected = FaissIndex(tmp_path, shards, TYPES[factory]).search(vectors[:5], 10)
    for _ in range(30):
        found = FaissIndex(tmp_path, shards, TYPES[factory]).search(vectors[:5], 10)
        assert (found[1] == expected[1]).all()


def test_many_threads_get_the_answers_of_one(vectors: Vectors, tmp_path: Path) -> None:
    shards = write_segments(vectors, FAST_SCAN, tmp_path, [2000, 1000])
    index = FaissIndex(tmp_path, shards, TYPES[FAST_SCAN])
    expected = [index.search(vectors[row : row + 1], 10)[1] for row in range(200)]
    wrong: list[int] = []

    def ask() -> None:
        for row in range(200):
            parameters = SearchParameters(nprobe=20, k_factor=6) if row % 2 else None
            found = index.search(vectors[row : row + 1], 10, parameters=parameters)[1]
            if not (found == expected[row]).all():
                wrong.append(row)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_lists_that_are_cut_off_are_refused(vectors: Vectors, tmp_path: Path) -> None:
    [shard] = write_segments(vectors, FAST_SCAN, tmp_path, [COUNT])
    lists = tmp_path / str(shard.lists)
    for size in (lists.stat().st_size - 1, 1000, 0):
        with lists.open("r+b") as file:
            file.truncate(size)
        with pytest.raises(DigestMismatch, match="no file of 64 inverted lists"):
            FaissIndex(tmp_path, [shard], TYPES[FAST_SCAN])


def test_a_segment_names_all_its_files() -> None:
    shard = Shard(file="a.faiss", lists="a.lists", pictures="a.sqlite", vectors=1)
    assert shard.files == ["a.faiss", "a.lists", "a.sqlite"]
    assert shard.faiss_files == ["a.faiss", "a.lists"]
    assert Shard(file="a", pictures="p", vectors=1).files == ["a", "p"]
