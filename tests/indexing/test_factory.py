"""Which index type for how many vectors of how many numbers."""

import faiss
import numpy as np
import pytest

from indexing.build import check_recipe
from indexing.factory import FLAT_UP_TO, HNSW_UP_TO, SEED_FACTORY, Recipe, choose, seed_recipe
from lookalike.errors import ConfigurationError
from lookalike.index import SearchParameters
from lookalike.index.kinds import layers


def test_the_type_follows_the_size() -> None:
    assert choose(1).factory == choose(FLAT_UP_TO).factory == "Flat"
    assert choose(FLAT_UP_TO + 1).factory == choose(HNSW_UP_TO).factory == "HNSW32"
    assert choose(1_000_000).factory == "IVF2048,PQ64x4fs,Refine(SQfp16)"
    assert choose(10_000_000).factory == "IVF8192,PQ64x4fs,Refine(SQfp16)"
    assert choose(50_000_000).factory == "IVF16384_HNSW32,PQ64x4fs,Refine(SQfp16)"


def test_a_memory_budget_asks_for_fewer_bytes_a_vector() -> None:
    assert choose(100_000, 128, 60_000_000).factory == "IVF512,PQ64x4fs,Refine(SQfp16)"
    assert choose(1_000_000, 128, 200_000_000).factory == "IVF2048,PQ64x4fs,Refine(SQ8)"


@pytest.mark.parametrize("dimensions", [6, 7, 31, 33, 127, 128, 200, 257, 512, 1000, 1280, 2048])
def test_every_dimension_gets_a_type_that_faiss_makes_and_that_can_be_searched(
    dimensions: int,
) -> None:
    factory = choose(200_000, dimensions).factory
    index = faiss.index_factory(dimensions, factory)
    layers(index)
    assert index.d == dimensions


def test_padding_changes_no_distance() -> None:
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(3000, 33)).astype(np.float32)
    index = faiss.index_factory(33, choose(200_000, 33).factory.replace("IVF1024", "IVF8"))
    index.train(vectors)
    index.add(vectors)
    parameters = faiss.IndexRefineSearchParameters(
        k_factor=100,
        base_index_params=faiss.SearchParametersPreTransform(
            index_params=faiss.SearchParametersIVF(nprobe=8)
        ),
    )
    squared, rows = index.search(vectors[:50], 5, params=parameters)
    exact, _ = faiss.knn(vectors[:50], vectors, 5)
    assert (rows[:, 0] == np.arange(50)).all()
    assert np.allclose(squared, exact, atol=0.05)


def test_the_seed_recipe_is_flat_up_to_a_hundred() -> None:
    assert seed_recipe(100).factory == "Flat"
    assert seed_recipe(101).factory == SEED_FACTORY == "IVF100,Flat"
    assert seed_recipe(101).search.nprobe == 8


@pytest.mark.parametrize("factory", ["Nonsense,Flat", "IVF64,PQ63x4fs"])
def test_a_factory_that_faiss_does_not_know_is_refused_before_any_work(factory: str) -> None:
    check_recipe(Recipe("IVF100,Flat"))
    with pytest.raises(ConfigurationError, match=factory):
        check_recipe(Recipe(factory))


@pytest.mark.parametrize("factory", ["LSH", "IDMap,Flat", "IDMap2,IVF64,PQ64x4fs,RFlat", "PQ16"])
def test_a_type_in_which_deleted_pictures_could_come_back_is_refused(factory: str) -> None:
    with pytest.raises(ConfigurationError, match="deleted pictures"):
        check_recipe(Recipe(factory))


@pytest.mark.parametrize(
    ("factory", "search", "told"),
    [
        ("IVF64,Flat", SearchParameters(ef_search=64), "no --ef-search: .* with --nprobe$"),
        ("IVF64,Flat", SearchParameters(nprobe=8, k_factor=8), "no --k-factor: .* with --nprobe$"),
        ("HNSW32", SearchParameters(nprobe=8), "no --nprobe: .* with --ef-search$"),
        ("Flat", SearchParameters(nprobe=8, k_factor=2), "no --nprobe and no --k-factor: .* none"),
    ],
)
def test_a_parameter_that_the_type_does_not_have_is_refused_by_name(
    factory: str, search: SearchParameters, told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        check_recipe(Recipe(factory, search))


@pytest.mark.parametrize(
    ("factory", "search"),
    [
        ("IVF64_HNSW32,PQ64x4fs,Refine(SQ8)", SearchParameters(nprobe=8, k_factor=2)),
        ("PCA64,IVF64,SQ8", SearchParameters(nprobe=8)),
        ("HNSW32", SearchParameters(ef_search=64)),
        ("Flat", SearchParameters()),
    ],
)
def test_a_parameter_that_the_type_has_is_taken(factory: str, search: SearchParameters) -> None:
    check_recipe(Recipe(factory, search))
