"""What a search tells of its stages."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from lookalike.index import stages
from lookalike.index.faiss_index import FaissIndex
from tests.lookalike.index.segments import TYPES, clustered, write_segments

REFINED = "IVF64,PQ64x4fs,Refine(SQfp16)"


class Seen:
    """The stages that began, and those that ended."""

    def __init__(self) -> None:
        self.began: list[tuple[str, dict[str, int]]] = []
        self.ended: list[str] = []

    @contextmanager
    def surround(self, name: str, numbers: Mapping[str, int]) -> Iterator[None]:
        self.began.append((name, dict(numbers)))
        yield
        self.ended.append(name)


@pytest.fixture
def seen() -> Iterator[Seen]:
    made = Seen()
    stages.observe(made.surround)
    yield made
    stages.observe(None)


@pytest.mark.parametrize(
    ("factory", "counts", "told"),
    [
        ("HNSW32", [500, 499], [("shard", {"shard": 0}), ("shard", {"shard": 1}), ("merge", {})]),
        ("IVF64,SQ8", [2000, 1000], [("shards", {"shards": 2})]),
        (REFINED, [2000, 500, 500], [("shards", {"shards": 3}), ("merge", {})]),
        (REFINED, [3000], []),
    ],
)
def test_each_shard_is_told_or_the_scan_of_all_and_what_merges_them(
    seen: Seen, tmp_path: Path, factory: str, counts: list[int], told: list[object]
) -> None:
    vectors = clustered(sum(counts))
    (tmp_path / "index").mkdir()
    shards = write_segments(vectors, factory, tmp_path / "index", counts)
    index = FaissIndex(tmp_path / "index", shards, TYPES[factory])
    index.search(vectors[:1], 5)
    assert seen.began == told
    assert seen.ended == [name for name, _ in seen.began]


def test_nobody_looks_by_default() -> None:
    assert stages.stage("shard", shard=1) is stages.stage("merge")
