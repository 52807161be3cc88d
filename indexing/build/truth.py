"""Exact answers to held-out queries, and what share of them an index recalls.

Queries are vectors of the index itself, each left out of its own answer. A row counts as
recalled where it is as near as the k-th nearest other: pictures that are in the index twice
do not count against it.
"""

from collections.abc import Callable
from contextlib import closing

import faiss
import msgspec
import numpy as np

from indexing.build.vectors import Positions
from lookalike.index.faiss_index import Distances, Rows
from lookalike.index.found import nearest
from lookalike.progress import Meter
from lookalike.vectors import Vectors

CHUNK = 131_072
# Of squared distances, whose float32 sums differ by the order of their terms.
RELATIVE, ABSOLUTE = 1e-5, 1e-7


class Truth(msgspec.Struct, frozen=True):
    """Queries with their exact answers.

    Attributes:
        own: the row of each query, ``int64[q]``.
        queries: ``float32[q, d]``.
        bound: squared distance of the k-th nearest other vector, ``float32[q]``.
        k: how many answers are counted; fewer than asked for where there are fewer others.
    """

    own: Rows
    queries: Vectors
    bound: Distances
    k: int

    def part(self, first: int, last: int) -> "Truth":
        """Give the queries from ``first`` to before ``last``."""
        chosen = slice(first, last)
        return Truth(self.own[chosen], self.queries[chosen], self.bound[chosen], self.k)


Search = Callable[[Vectors, int], tuple[Distances, Rows]]


def exact(vectors: Vectors, order: Positions, own: Rows, k: int, threads: int) -> Truth:
    """Compare queries with every vector.

    Args:
        vectors: ``float32[n, d]``, at least two.
        order: position among the vectors of each row of the index, ``int64[n]``.
        own: rows of the index that are the queries.
        k: how many answers count.
        threads: of faiss.
    """
    k = min(k, len(vectors) - 1)
    positions = order[own]
    queries = np.ascontiguousarray(vectors[positions], np.float32)
    faiss.omp_set_num_threads(threads)
    found = _nearest(vectors, queries, k + 1)
    gaps = squared_distances(queries, vectors[found])
    gaps[found == positions[:, None]] = np.inf
    # Where the query itself is not among them, equal vectors are, and the last is one too many.
    return Truth(own, queries, np.sort(gaps, axis=1)[:, k - 1], k)


def recall(truth: Truth, search: Search, vectors: Vectors, order: Positions) -> float:
    """Give the share of the exact answers that a search finds."""
    _, found = search(truth.queries, truth.k + 1)
    rows = without(truth.own, found)
    gaps = squared_distances(truth.queries, vectors[order[rows]])
    gaps[rows < 0] = np.inf
    return float((gaps <= truth.bound[:, None] * (1 + RELATIVE) + ABSOLUTE).mean())


def without(own: Rows, found: Rows) -> Rows:
    """Take each query's own row out of ``found [q, k]``, or the last where it is not there."""
    others = [row[row != mine][: found.shape[1] - 1] for mine, row in zip(own, found, strict=True)]
    return np.stack(others)


def squared_distances(queries: Vectors, others: Vectors) -> Distances:
    """Squared distances of ``queries [q, d]`` from ``others [q, k, d]``, each pair by itself."""
    gaps = np.asarray(others, np.float32) - queries[:, None]
    squared: Distances = np.einsum("qkd,qkd->qk", gaps, gaps)
    return squared


def _nearest(vectors: Vectors, queries: Vectors, k: int) -> Positions:
    """Exact search, a chunk of the vectors at a time."""
    squared = np.empty((len(queries), 0), np.float32)
    positions = np.empty((len(queries), 0), np.int64)
    with closing(Meter("exact search", len(vectors))) as meter:
        for first in range(0, len(vectors), CHUNK):
            chunk = np.ascontiguousarray(vectors[first : first + CHUNK], np.float32)
            gaps, found = faiss.knn(queries, chunk, min(k, len(chunk)))
            squared, positions = nearest(
                np.hstack([squared, gaps]), np.hstack([positions, found + first]), k
            )
            meter.add(len(chunk))
    return positions
