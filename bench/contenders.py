"""What bench.index compares: the project's own index, and faiss used directly."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from indexing.build import BuildSettings, Built, build_base
from indexing.build.shards import shard_of
from indexing.build.truth import ABSOLUTE, RELATIVE, squared_distances
from indexing.factory import SEED_FACTORY, SEED_PARAMETERS, Recipe
from lookalike.cores import cores
from lookalike.index import PictureRow, SearchParameters
from lookalike.index.faiss_index import Distances, FaissIndex, Rows
from lookalike.index.kinds import faiss_parameters, layers
from lookalike.progress import working
from lookalike.vectors import Vectors

# A little over the goal of .985, since the queries here are others than those tuned by.
TARGET_RECALL = 0.9875
HNSW, HNSW_PARAMETERS = "HNSW32", SearchParameters(ef_search=40)

K = 10

Search = Callable[[Vectors, int], tuple[Distances, Rows]]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """An index that is searched.

    Args:
        search: gives distances and rows of the k nearest.
        bytes_a_vector: of its files; of what faiss would write, where it has none.
        build_seconds: from vectors to an index that can be searched.
        parameters: as they were chosen, for people.
        order: which vector each row is of; None: rows are in the vectors' order.
    """

    search: Search
    bytes_a_vector: float
    build_seconds: float
    parameters: str
    order: Rows | None = None


def ours(
    vectors: Vectors, folder: Path, shard_limit: int, recipe: Recipe | None = None
) -> tuple[Contender, Built]:
    """Build as ``lookalike reindex`` does, tuned unless the recipe says how to search."""
    folder.mkdir()
    started = time.perf_counter()
    ids = [f"{number:08}" for number in range(len(vectors))]
    rows = (PictureRow(name, "", None, b"") for name in ids)
    settings = BuildSettings(recipe=recipe, target_recall=TARGET_RECALL, shard_limit=shard_limit)
    built = build_base(rows, vectors, settings, folder)
    seconds = time.perf_counter() - started
    files = [name for shard in built.shards for name in shard.faiss_files]
    size = sum((folder / name).stat().st_size for name in [*files, *filter(None, [built.trained])])
    index = FaissIndex(folder, built.shards, built.search)
    contender = Contender(
        search=index.search,
        bytes_a_vector=size / len(vectors),
        build_seconds=seconds,
        parameters=f"{built.factory} {_told(built.search)}",
        order=np.argsort([shard_of(name, len(built.shards)) for name in ids], kind="stable"),
    )
    return contender, built


def raw(vectors: Vectors, folder: Path, built: Built) -> Contender:
    """One index of faiss in memory, of the same training and searched with the same parameters."""
    trained = None if built.trained is None else folder / built.trained
    return _faiss(vectors, Recipe(built.factory, built.search), trained)


def seed(vectors: Vectors) -> Contender:
    """The seed recipe."""
    return _faiss(vectors, Recipe(SEED_FACTORY, SEED_PARAMETERS))


def hnsw(vectors: Vectors) -> Contender:
    """The peer, at the setting that DESIGN's table has it with."""
    return _faiss(vectors, Recipe(HNSW, HNSW_PARAMETERS))


def _faiss(vectors: Vectors, recipe: Recipe, trained: Path | None = None) -> Contender:
    faiss.omp_set_num_threads(cores())
    started = time.perf_counter()
    with working(f"building {recipe.factory} of {len(vectors)} vectors"):
        if trained is None:
            index: Any = faiss.index_factory(vectors.shape[1], recipe.factory)
            index.train(vectors)
        else:
            index = faiss.read_index(str(trained))
        index.add(vectors)
    seconds = time.perf_counter() - started
    chosen = faiss_parameters(layers(index), recipe.search, None)

    def search(queries: Vectors, k: int) -> tuple[Distances, Rows]:
        found: tuple[Distances, Rows] = index.search(queries, k, params=chosen)
        return found

    return Contender(
        search=search,
        bytes_a_vector=_written(index) / len(vectors),
        build_seconds=seconds,
        parameters=f"{recipe.factory} {_told(recipe.search)}",
    )


def _written(index: Any) -> int:
    """Count the bytes that the index's file would have."""
    return len(faiss.serialize_index(index))


def _told(search: SearchParameters) -> str:
    return " ".join(f"{name}={value:g}" for name, value in search.given().items())


def recall(found: Contender, queries: Vectors, bound: Distances, vectors: Vectors) -> float:
    """Give the share of the k nearest, whose farthest squared distances are ``bound [q]``."""
    _, rows = found.search(queries, K)
    if found.order is not None:
        rows = np.where(rows < 0, rows, found.order[rows])
    gaps = squared_distances(queries, vectors[rows])
    gaps[rows < 0] = np.inf
    return float((gaps <= bound[:, None] * (1 + RELATIVE) + ABSOLUTE).mean())
