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
# From so many lists on, finding the nearest ones is worth a graph.
GRAPH_OVER_LISTS = 16_384
# Shorter vectors are not worth compressing: the codes would be as long as the list entry's id.
COMPRESS_FROM_DIMENSIONS = 32
FLOAT_BYTES, HALF_BYTES, ROW_NUMBER_BYTES = 4, 2, 8
# 64 links on the lowest level of HNSW32, of 4 bytes each, and a few above it.
HNSW_LINK_BYTES = 272
# Numbers that one 4-bit code stands for, by the most dimensions that it is used up to: with 2
# in a code of 128 dimensions, recall .99 takes six candidates an answer.
CODED_TOGETHER = {256: 2, 1024: 4}
CODED_TOGETHER_BEYOND = 8


class Recipe(msgspec.Struct, frozen=True):
    """A faiss factory string, and how hard to search what it makes: what is not set is tuned."""

    factory: str
    search: SearchParameters = SearchParameters()


def choose(vectors: int, dimensions: int = 128, memory_bytes: int | None = None) -> Recipe:
    """Choose an index type: exact, then a graph, then compressed inverted lists.

    Args:
        vectors: how many.
        dimensions: of a vector.
        memory_bytes: how large the index may be in a replica's memory; None: as large as it
            gets. Where nothing fits, the smallest that is known is chosen.
    """
    budget = math.inf if memory_bytes is None else memory_bytes
    if vectors <= FLAT_UP_TO:
        return Recipe("Flat")
    graph_bytes = vectors * (dimensions * FLOAT_BYTES + HNSW_LINK_BYTES)
    if vectors <= HNSW_UP_TO and graph_bytes <= budget:
        return Recipe("HNSW32")
    return Recipe(_inverted_lists(vectors, dimensions, budget))


def seed_recipe(vectors: int) -> Recipe:
    """Give the seed recipe, as it was."""
    if vectors <= SEED_FLAT_UP_TO:
        return Recipe("Flat")
    return Recipe(SEED_FACTORY, SEED_PARAMETERS)


def centroid_bytes(lists: int, dimensions: int, *, graph: bool) -> int:
    """Say what the centroids of inverted lists take, and the graph over them where there is one."""
    return lists * (dimensions * FLOAT_BYTES + (HNSW_LINK_BYTES if graph else 0))


def _inverted_lists(vectors: int, dimensions: int, budget: float) -> str:
    lists = 2 ** round(math.log2(2 * math.sqrt(vectors)))
    graph = lists >= GRAPH_OVER_LISTS
    quantizer = f"IVF{lists}" + ("_HNSW32" if graph else "")
    if dimensions < COMPRESS_FROM_DIMENSIONS:
        return f"{quantizer},Flat"
    together = _coded_together(dimensions)
    # Dimensions that do not divide are filled up with zeros, which change no distance.
    padded = -(-dimensions // together) * together
    codes = padded // together
    candidates = f"{quantizer},PQ{codes}x4fs"
    if padded != dimensions:
        candidates = f"Pad{padded},{candidates}"
    row_bytes = codes / 2 + ROW_NUMBER_BYTES + dimensions * HALF_BYTES
    fits = centroid_bytes(lists, dimensions, graph=graph) + vectors * row_bytes <= budget
    return f"{candidates},Refine({'SQfp16' if fits else 'SQ8'})"


def _coded_together(dimensions: int) -> int:
    fitting = [count for most, count in CODED_TOGETHER.items() if dimensions <= most]
    return fitting[0] if fitting else CODED_TOGETHER_BEYOND
