"""Whole builds: base shards and deltas, opened and searched as a replica would."""

import hashlib
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from indexing.build import BuildSettings, Built, build_base, build_delta
from indexing.build.shards import shard_of
from indexing.factory import Recipe
from lookalike.errors import ConfigurationError, DataError
from lookalike.index import (
    IndexDetails,
    ModelReference,
    PictureRow,
    Pictures,
    SearchParameters,
    bits_of,
    open_vectors,
    write_tombstones,
)
from lookalike.picture import PictureContract
from lookalike.vectors import Vectors
from tests.lookalike.index.segments import clustered

IVF = "IVF64,PQ64x4fs,Refine(SQfp16)"
MODEL = ModelReference(
    name="embedder",
    version=1,
    weights_sha256="",
    picture=PictureContract(size=32),
    dimensions=128,
)


def settings_of(**given: Any) -> BuildSettings:
    """One thread: many small steps wait for each other where cores are busy."""
    return BuildSettings(threads=1, **given)


def rows(count: int, first: int = 0) -> list[PictureRow]:
    return [
        PictureRow(f"{number:06}", "u", None, hashlib.sha256(bytes(number)).digest())
        for number in range(first, first + count)
    ]


def details(built: Built, pictures: int) -> IndexDetails:
    return IndexDetails(
        name="default",
        model=MODEL,
        metric="cosine",
        factory=built.factory,
        search=built.search,
        trained=built.trained,
        shards=built.shards,
        pictures=pictures,
        quarantined=0,
        measured=built.measured,
    )


def found_ids(folder: Path, version: IndexDetails, queries: Vectors, k: int = 1) -> list[list[str]]:
    pictures = Pictures(
        [folder / segment.pictures for segment in version.segments],
        [segment.vectors for segment in version.segments],
    )
    _, found = open_vectors(folder, version).search(queries, k)
    ids = [[row.id for row in pictures.rows(numbers)] for numbers in found.tolist()]
    pictures.close()
    return ids


@pytest.mark.parametrize("factory", ["Flat", "HNSW32", IVF, "IVF32,SQ8"])
def test_every_picture_is_found_by_its_own_vector(factory: str, tmp_path: Path) -> None:
    vectors = clustered(2000)
    built = build_base(rows(2000), vectors, settings_of(recipe=Recipe(factory)), tmp_path)
    ids = found_ids(tmp_path, details(built, 2000), vectors[::7])
    assert ids == [[row.id] for row in rows(2000)[::7]]
    assert built.measured.recall_at_10 > 0.97
    assert built.measured.truth == 2000


def test_shards_hold_what_their_hash_says_and_answer_as_one(tmp_path: Path) -> None:
    vectors = clustered(3000)
    file = tmp_path / "vectors.f32"
    vectors.tofile(file)
    mapped = np.memmap(file, np.float32, "r", shape=vectors.shape)
    (tmp_path / "version").mkdir()
    settings = settings_of(
        recipe=Recipe(IVF), shard_limit=1100, processes=2, memory_bytes=10_000_000
    )
    built = build_base(rows(3000), mapped, settings, tmp_path / "version")
    assert len(built.shards) == 3
    assert sum(shard.vectors for shard in built.shards) == 3000
    held = Pictures(
        [tmp_path / "version" / shard.pictures for shard in built.shards],
        [shard.vectors for shard in built.shards],
    )
    for number, table in enumerate(held._tables):
        ids = [row.id for row in table]
        assert ids == sorted(ids)
        assert {shard_of(name, 3) for name in ids} == {number}
    held.close()
    ids = found_ids(tmp_path / "version", details(built, 3000), vectors[:100])
    assert ids == [[row.id] for row in rows(100)]
    left = {path.name for path in (tmp_path / "version").iterdir()}
    assert left == {built.trained, *(name for shard in built.shards for name in shard.files)}


def test_a_shard_is_the_same_whenever_it_is_asked_for() -> None:
    assert [shard_of(name, 7) for name in ("a", "日本 🦜", "x" * 4096, "\udcff")] == [2, 3, 2, 6]


@pytest.mark.parametrize("factory", ["Flat", "HNSW32", IVF, "IVF32,SQ8"])
def test_a_delta_and_tombstones_answer_as_a_full_build_would(factory: str, tmp_path: Path) -> None:
    vectors = clustered(2400)
    settings = settings_of(recipe=Recipe(factory))
    base = details(build_base(rows(2000), vectors[:2000], settings, tmp_path), 2000)
    trained = None if base.trained is None else tmp_path / base.trained
    delta = build_delta(base, trained, rows(400, first=2000), vectors[2000:], tmp_path)
    write_tombstones(tmp_path / "dead", bits_of(range(0, 2000, 5), 2400))
    version = IndexDetails(
        **{
            **{name: getattr(base, name) for name in base.__struct_fields__},
            "delta": delta,
            "tombstones": "dead",
        }
    )
    alive = np.array([row for row in range(2400) if row >= 2000 or row % 5])
    queries = vectors[::6]
    _, exact = faiss.knn(queries, vectors[alive], 10)
    ids = found_ids(tmp_path, version, queries, 10)
    recall = np.mean(
        [
            len({int(name) for name in row} & set(alive[near])) / 10
            for row, near in zip(ids, exact, strict=True)
        ]
    )
    assert recall > 0.97
    assert not {name for row in ids for name in row} & {f"{n:06}" for n in range(0, 2000, 5)}


def test_parameters_that_are_given_are_taken_as_they_are(tmp_path: Path) -> None:
    recipe = Recipe("IVF64,Flat", SearchParameters(nprobe=1))
    built = build_base(rows(2000), clustered(2000), settings_of(recipe=recipe), tmp_path)
    assert built.search == SearchParameters(nprobe=1)
    assert built.measured.target is None
    assert built.measured.recall_at_10 < 1


@pytest.mark.parametrize("given", [{"k_factor": 8.0}, {"nprobe": 9}])
def test_parameters_that_are_not_given_are_tuned(given: dict[str, Any], tmp_path: Path) -> None:
    recipe = Recipe(IVF, SearchParameters(**given))
    built = build_base(rows(2000), clustered(2000), settings_of(recipe=recipe), tmp_path)
    assert built.search.given().keys() == {"nprobe", "k_factor"}
    assert built.search.given().items() >= given.items()
    assert built.measured.target == 0.98
    assert built.measured.recall_at_10 > 0.97


def test_parameters_that_the_type_does_not_have_are_refused_before_any_work(tmp_path: Path) -> None:
    recipe = Recipe("HNSW32", SearchParameters(nprobe=8))
    with pytest.raises(ConfigurationError, match="--nprobe"):
        build_base(rows(50), clustered(50), settings_of(recipe=recipe), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_no_setting_reaches_is_said(tmp_path: Path) -> None:
    settings = settings_of(recipe=Recipe("IVF16,PQ2x4"), target_recall=0.99)
    built = build_base(rows(2000), clustered(2000), settings, tmp_path)
    assert not built.measured.reached
    assert built.measured.recall_at_10 < 0.9


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_a_handful_of_pictures_can_be_indexed(count: int, tmp_path: Path) -> None:
    vectors = clustered(count)
    built = build_base(rows(count), vectors, settings_of(), tmp_path)
    assert built.factory == "Flat"
    assert built.measured.recall_at_10 == 1.0
    assert found_ids(tmp_path, details(built, count), vectors) == [[row.id] for row in rows(count)]


def test_an_id_that_is_there_twice_is_named(tmp_path: Path) -> None:
    twice = [rows(1)[0], *rows(3)]
    with pytest.raises(DataError, match="'000000' twice"):
        build_base(twice, clustered(4), settings_of(), tmp_path)


def test_rows_without_vectors_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="3 rows do not go with 4 vectors"):
        build_base(rows(3), clustered(4), settings_of(), tmp_path)


def test_too_few_vectors_to_train_on_are_an_error_that_says_so(tmp_path: Path) -> None:
    settings = settings_of(recipe=Recipe("IVF100,Flat"))
    with pytest.raises(ConfigurationError, match="cannot be trained on 50 vectors"):
        build_base(rows(50), clustered(50), settings, tmp_path)
