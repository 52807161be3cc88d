"""Recall of an opened version, of base, delta and tombstones together, against exact search."""

import time
from statistics import median

import numpy as np

from indexing.extraction.features import Features
from indexing.publishing.vectors import raw_vectors
from lookalike.index import IndexVersion, Measured
from lookalike.index.faiss_index import Distances, Rows
from lookalike.index.recall import K, recalled
from lookalike.vectors import Vectors, prepared

QUERIES = 200
# Where no recall is demanded, such as for additions, which are to be found within a minute: as many
# queries as so many comparisons are enough for, a second or two of one core, and at least so few.
# A quarter of the queries tells it half as exactly.
COMPARISONS, FEWEST = 50_000_000, 50
TIMED = 50
SEED = 7


def measure_recall(
    opened: IndexVersion, features: Features, *, demanded: bool = True
) -> Measured | None:
    """Measure recall@10 on a sample of the version's own rows, each left out of its answer.

    Exact answers compare the stored codes of every living row with each query. None where
    there are no two rows to compare.

    Args:
        opened: the version.
        features: has its vectors.
        demanded: whether anything depends on it; otherwise fewer queries may do.
    """
    alive = opened.vectors.alive_rows()
    if len(alive) < 2:
        return None
    count = min(QUERIES if demanded else queries_for(len(alive)), len(alive))
    own = np.random.default_rng(SEED).choice(alive, count, replace=False)
    sampled = opened.pictures.rows(own.tolist())
    raw = raw_vectors(sampled, features, opened.details.model.dimensions)
    queries = prepared(raw, opened.details.metric)
    k = min(K, len(alive) - 1)
    started = time.perf_counter()
    exact, exact_rows = opened.vectors.exact(queries, k + 1)
    exact_ms = 1000 * (time.perf_counter() - started) / len(queries)
    found, found_rows = opened.vectors.search(queries, k + 1)
    recall = recalled(_others(own, found, found_rows), _others(own, exact, exact_rows))
    held = opened.details.measured
    return Measured(
        recall_at_10=recall,
        queries=len(queries),
        truth=len(alive),
        target=None if held is None else held.target,
        reached=held is None or held.target is None or recall >= held.target,
        search_ms=_one_at_a_time(opened, queries[:TIMED]),
        exact_ms=exact_ms,
    )


def queries_for(rows: int) -> int:
    """Say by how many queries to measure recall among so many rows, where none is demanded."""
    return max(FEWEST, min(QUERIES, COMPARISONS // rows))


def _others(own: Rows, distances: Distances, rows: Rows) -> Distances:
    """Take each query's own row out of its answers, or the last where it is not there."""
    places = np.arange(rows.shape[1])[None].repeat(len(rows), axis=0)
    places[rows == own[:, None]] = -1
    kept = np.stack([row[row >= 0][: rows.shape[1] - 1] for row in places])
    return np.take_along_axis(distances, kept, 1)


def _one_at_a_time(opened: IndexVersion, queries: Vectors) -> float:
    seconds = []
    for row in range(len(queries)):
        started = time.perf_counter()
        opened.vectors.search(queries[row : row + 1], K)
        seconds.append(time.perf_counter() - started)
    return 1000 * median(seconds)
