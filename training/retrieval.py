"""Retrieval metrics: how many of a query's neighbours are of its category. Pure arithmetic."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.vectors import Metric, Vectors, prepared, unit, without_features
from training.labelled import Labels, Rows

RECALL_AT = 10
CHUNK_QUERIES = 256
DIGITS = 12  # of squared distances between vectors of length one that count


class Retrieval(NamedTuple):
    """Figures of each query that has a relevant picture in the gallery.

    Attributes:
        labels: ``int64[n]``, the queries' categories.
        average_precision: ``float64[n]``, over the whole ranked gallery.
        nearest: ``bool[n]``, whether the nearest neighbour is of the query's category.
        recall: ``bool[n]``, whether one of the ``RECALL_AT`` nearest is (recall@k as the
            metric-learning literature has it).
        queries: ``int64[n]``, which queries they are.
    """

    labels: Labels
    average_precision: NDArray[np.float64]
    nearest: NDArray[np.bool_]
    recall: NDArray[np.bool_]
    queries: Rows

    def means(self) -> "Means":
        """Give the mean figures; NaN where there is no query."""
        figures = (self.average_precision, self.nearest, self.recall)
        return Means(*(float(figure.mean()) if figure.size else np.nan for figure in figures))

    def of_category(self, label: int) -> "Means":
        """Give the mean figures of one category's queries; NaN where it has none."""
        chosen = self.labels == label
        return Retrieval(*(column[chosen] for column in self)).means()


class Means(NamedTuple):
    """Means over queries of the figures of :class:`Retrieval`."""

    average_precision: float
    nearest: float
    recall: float


class Neighbours(NamedTuple):
    """The nearest pictures of each query, the nearest first.

    Attributes:
        distances: ``float64[n, k]``, Euclidean between vectors of length one.
        same: ``bool[n, k]``, whether they are of the query's category.
        queries: ``int64[n]``, rows of the queries.
        rows: ``int64[n, k]``, those of what they find.
    """

    distances: NDArray[np.float64]
    same: NDArray[np.bool_]
    queries: Rows
    rows: Rows


def query_gallery(
    queries: Vectors, labels: Labels, gallery: Vectors, gallery_labels: Labels, metric: Metric
) -> Retrieval:
    """Rank the gallery for each query by cosine or by Euclidean distance.

    Args:
        queries: ``float32[n, d]``.
        labels: ``int64[n]``, the queries' categories.
        gallery: ``float32[m, d]``.
        gallery_labels: ``int64[m]``.
        metric: ``"cosine"`` or ``"l2"``; a vector of zeros has cosine 0 with all others.
    """
    return _ranked(queries, labels, gallery, gallery_labels, metric, leave_one_out=False)


def leave_one_out(
    vectors: Vectors, labels: Labels, metric: Metric, queries: int | None = None
) -> Retrieval:
    """Rank all vectors but the query itself.

    Args:
        vectors: ``float32[n, d]``.
        labels: ``int64[n]``, their categories.
        metric: as of :func:`query_gallery`.
        queries: so many of them ask, the first ones; None: each does.
    """
    asked = slice(queries)
    return _ranked(vectors[asked], labels[asked], vectors, labels, metric, leave_one_out=True)


def neighbours(
    vectors: Vectors, labels: Labels, queries: Rows, gallery: Rows, count: int
) -> Neighbours:
    """Find by cosine the pictures of a gallery that are nearest to each query, itself left out.

    Pictures without features are neither queries nor found, as no index has them.

    Args:
        vectors: ``float32[n, d]``, of all pictures.
        labels: ``int64[n]``, their categories.
        queries: ``int64[q]``, rows of these.
        gallery: ``int64[m]``, likewise; queries may be among them.
        count: how many of each query, or all others where they are fewer.
    """
    seen = ~without_features(vectors)
    queries, gallery, vectors = queries[seen[queries]], gallery[seen[gallery]], unit(vectors)
    itself = np.isin(queries, gallery).any()
    shape = (len(queries), max(0, min(count, len(gallery) - int(itself))))
    found = Neighbours(
        np.empty(shape, np.float64), np.empty(shape, np.bool_), queries, np.empty(shape, np.int64)
    )
    for start in range(0, len(queries), CHUNK_QUERIES):
        rows = queries[start : start + CHUNK_QUERIES]
        squares = _squared_distances(vectors[rows], vectors[gallery])
        squares[rows[:, None] == gallery[None, :]] = np.inf
        nearest = np.argsort(squares, axis=1, kind="stable")[:, : shape[1]]
        near = np.take_along_axis(squares, nearest, axis=1)
        found.distances[start : start + len(rows)] = np.sqrt(np.maximum(near, 0))
        found.same[start : start + len(rows)] = labels[gallery[nearest]] == labels[rows, None]
        found.rows[start : start + len(rows)] = gallery[nearest]
    return found


def _ranked(
    queries: Vectors,
    labels: Labels,
    gallery: Vectors,
    gallery_labels: Labels,
    metric: Metric,
    *,
    leave_one_out: bool,
) -> Retrieval:
    queries, gallery = prepared(queries, metric), prepared(gallery, metric)
    parts = []
    for start in range(0, len(queries), CHUNK_QUERIES):
        rows = np.arange(start, min(start + CHUNK_QUERIES, len(queries)))
        distances = _squared_distances(queries[rows], gallery)
        relevant = labels[rows, None] == gallery_labels[None, :]
        if leave_one_out:
            distances[np.arange(len(rows)), rows] = np.inf
            relevant[np.arange(len(rows)), rows] = False
        parts.append(_figures(rows, labels[rows], _in_order(distances, relevant)))
    return Retrieval(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _in_order(distances: NDArray[np.float64], relevant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Sort relevance ``bool[n, m]`` by distance; among equal ones the irrelevant come first.

    So that vectors that tell nothing apart, or are no numbers, find nothing. What multiplication
    rounds is no order either.
    """
    order = np.lexsort((relevant, np.round(distances, DIGITS)), axis=1)
    return np.take_along_axis(relevant, order, axis=1)


def _figures(rows: Rows, labels: Labels, relevant: NDArray[np.bool_]) -> Retrieval:
    """Score ranked relevance ``bool[n, m]``; queries without anything relevant are left out."""
    answerable = relevant.any(axis=1)
    rows, labels, relevant = rows[answerable], labels[answerable], relevant[answerable]
    precision = np.cumsum(relevant, axis=1) / np.arange(1, relevant.shape[1] + 1)
    average_precision = (precision * relevant).sum(axis=1) / relevant.sum(axis=1)
    return Retrieval(
        labels,
        average_precision,
        relevant[:, 0],
        np.asarray(relevant[:, :RECALL_AT].any(axis=1)),
        rows,
    )


def _squared_distances(queries: Vectors, gallery: Vectors) -> NDArray[np.float64]:
    queries64, gallery64 = queries.astype(np.float64), gallery.astype(np.float64)
    squares = (gallery64**2).sum(axis=1) - 2 * queries64 @ gallery64.T
    return np.asarray(squares + (queries64**2).sum(axis=1)[:, None])
