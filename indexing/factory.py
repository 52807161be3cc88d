"""Which index type for how many vectors: pure decisions, explained in docs/indexing.md."""

import math

import msgspec

from lookalike.index import SearchParameters

# Up to here exact search costs less than a millisecond a query, and misses nothing.
FLAT_UP_TO = 10_000
HNSW_UP_TO = 100_000
# The seed recipe: IVF100,Flat at nprobe 8, and exact search where 100 lists cannot be trained.
SEED_FACTORY = "IVF100,Flat"
SEED_PARAMETERS = SearchParameters(nprobe=8)
SEED_FLAT_UP_TO = 100


class Recipe(msgspec.Struct, frozen=True):
    """A faiss factory string and how hard to search what it makes."""

    factory: str
    search: SearchParameters


def choose(vectors: int) -> Recipe:
    """Choose for a number of vectors: exact, then a graph, then compressed inverted lists."""
    if vectors <= FLAT_UP_TO:
        return Recipe("Flat", SearchParameters())
    if vectors <= HNSW_UP_TO:
        return Recipe("HNSW32", SearchParameters(ef_search=40))
    lists = 2 ** round(math.log2(2 * math.sqrt(vectors)))
    return Recipe(f"IVF{lists},PQ64x4fs,Refine(SQfp16)", SearchParameters(nprobe=20, k_factor=6))


def seed_recipe(vectors: int) -> Recipe:
    """Give the seed recipe, as it was."""
    if vectors <= SEED_FLAT_UP_TO:
        return Recipe("Flat", SearchParameters())
    return Recipe(SEED_FACTORY, SEED_PARAMETERS)
