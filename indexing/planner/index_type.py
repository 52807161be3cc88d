"""What an index type takes and costs, read off its faiss factory string."""

import math
import re
from typing import Literal

import msgspec

from indexing.factory import FLOAT_BYTES, HNSW_LINK_BYTES, ROW_NUMBER_BYTES, centroid_bytes
from indexing.planner.figures import (
    REFERENCE_CODE_BYTES,
    REFERENCE_DIMENSIONS,
    REFERENCE_LISTS,
    Basis,
)
from lookalike.errors import ConfigurationError
from lookalike.index import SearchParameters

K = 10  # neighbours that a query asks for
FACTORY = re.compile(
    r"(?:Pad\d+,)?IVF(?P<lists>\d+)(?P<graph>_HNSW32)?,"
    r"(?:(?P<flat>Flat)|PQ(?P<codes>\d+)x4fs,Refine\((?P<refine>SQfp16|SQ8)\))"
)
REFINED_BYTES = {"SQfp16": 2, "SQ8": 1}
K_FACTOR = 6
LEAST_EF_SEARCH = 10
# Misses that no setting gets below: compressed candidates lose some neighbours for good.
FEWEST_MISSES = 0.001
# The quantizer's own search looks at least at so many centroids.
LEAST_CANDIDATES = 16
# faiss trains inverted lists by ten rounds of k-means.
TRAINING_ROUNDS = 10


class IndexType(msgspec.Struct, frozen=True, kw_only=True):
    """One of the types that builds choose from."""

    kind: Literal["flat", "graph", "lists"]
    dimensions: int
    lists: int = 0
    graph_over_lists: bool = False
    code_bytes: float = 0.0
    vector_bytes: float

    @property
    def fixed_bytes(self) -> int:
        """Bytes beside the vectors: the centroids of the lists."""
        return centroid_bytes(self.lists, self.dimensions, graph=self.graph_over_lists)


def read_factory(factory: str, dimensions: int) -> IndexType:
    """Read a factory string of :func:`indexing.factory.choose`.

    Raises:
        ConfigurationError: it is of another type, whose cost nobody knows here.
    """
    plain = dimensions * FLOAT_BYTES
    if factory == "Flat":
        return IndexType(kind="flat", dimensions=dimensions, vector_bytes=plain)
    if factory == "HNSW32":
        return IndexType(kind="graph", dimensions=dimensions, vector_bytes=plain + HNSW_LINK_BYTES)
    found = FACTORY.fullmatch(factory)
    if found is None:
        raise ConfigurationError(f"the planner knows no costs of the index type {factory!r}")
    codes = plain if found["flat"] else int(found["codes"]) / 2
    refined = 0 if found["flat"] else dimensions * REFINED_BYTES[found["refine"]]
    return IndexType(
        kind="lists",
        dimensions=dimensions,
        lists=int(found["lists"]),
        graph_over_lists=found["graph"] is not None,
        code_bytes=codes,
        vector_bytes=codes + refined + ROW_NUMBER_BYTES,
    )


def effort(of: IndexType, recall: float, basis: Basis) -> SearchParameters:
    """Say how hard to search for a recall@10; a build tunes this anew on the real vectors."""
    misses = max(1 - recall, FEWEST_MISSES)
    if of.kind == "flat":
        return SearchParameters()
    if of.kind == "graph":
        needed = (basis["graph_misses"] / misses) ** (1 / basis["graph_power"])
        return SearchParameters(ef_search=max(LEAST_EF_SEARCH, math.ceil(needed)))
    # More and so smaller lists: the neighbours spread over more of them.
    finer = math.sqrt(of.lists / REFERENCE_LISTS)
    needed = (basis["list_misses"] / misses) ** (1 / basis["list_power"]) * finer
    nprobe = min(of.lists, max(1, math.ceil(needed)))
    return SearchParameters(nprobe=nprobe, k_factor=K_FACTOR)


def search_seconds(
    of: IndexType, vectors: int, shards: int, search: SearchParameters, basis: Basis
) -> float:
    """Say how long one query takes by one thread."""
    wide = of.dimensions / REFERENCE_DIMENSIONS
    seconds = basis["query_us"] * 1e-6
    if of.kind == "flat":
        return seconds + _compared(of, vectors, basis)
    if of.kind == "graph":
        return seconds + _walked(vectors, search.ef_search or 1, basis) * wide
    nprobe = search.nprobe or 1
    quantized = (
        _walked(of.lists, max(nprobe, LEAST_CANDIDATES), basis) * wide
        if of.graph_over_lists
        else _compared(of, of.lists, basis)
    )
    codes = of.code_bytes / REFERENCE_CODE_BYTES
    scanned = nprobe * vectors / of.lists * codes * basis["scan_ns"] * 1e-9
    refined = K * K_FACTOR * basis["refine_us"] * 1e-6 * wide
    further = (shards - 1) * basis["shard_us"] * 1e-6 if shards > 1 else 0.0
    return seconds + quantized + scanned + refined + further


def build_core_seconds(of: IndexType, vectors: int, sample: int, basis: Basis) -> float:
    """Say how long one core takes to train and to fill an index.

    Args:
        of: its type.
        vectors: how many it will hold.
        sample: how many of them its lists are trained on.
        basis: the figures.
    """
    wide = of.dimensions / REFERENCE_DIMENSIONS
    if of.kind == "flat":
        return 0.0
    if of.kind == "graph":
        return vectors * math.log2(max(2, vectors)) * basis["link_us"] * 1e-6 * wide
    compare = of.lists * of.dimensions * basis["assign_ns"] * 1e-9
    assign = _walked(of.lists, LEAST_CANDIDATES, basis) * wide if of.graph_over_lists else compare
    encode = basis["encode_us"] * 1e-6 * wide
    return TRAINING_ROUNDS * sample * compare + vectors * (assign + encode)


def _compared(of: IndexType, vectors: int, basis: Basis) -> float:
    return vectors * of.dimensions * basis["flat_ns"] * 1e-9


def _walked(vectors: int, candidates: int, basis: Basis) -> float:
    return candidates * math.log2(max(2, vectors)) * basis["graph_us"] * 1e-6
