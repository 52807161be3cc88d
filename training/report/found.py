"""What held-out pictures find: which categories are taken for each other, and who finds least."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.vectors import Vectors
from training.held_out import HITS
from training.labelled import Labels
from training.report.figures import Confusion, Hit, Picture, Query
from training.retrieval import Neighbours, neighbours, query_gallery

HARDEST = 12
CONFUSED_PAIRS, EXAMPLES = 6, 3


class Ranked(NamedTuple):
    """Queries and gallery as vectors, before fine-tuning and after; labels; and their pictures.

    Attributes:
        before: ``float32[q + m, d]``, the queries first.
        after: likewise.
        labels: ``int64[q + m]``.
        pictures: all of them, in this order.
        queries: q.
    """

    before: Vectors
    after: Vectors
    labels: Labels
    pictures: Sequence[Picture]
    queries: int

    def hits(self) -> Neighbours:
        """Find the nearest of each query among the gallery, by the fine-tuned vectors."""
        rows = np.arange(len(self.labels))
        queries, gallery = rows[: self.queries], rows[self.queries :]
        return neighbours(self.after, self.labels, queries, gallery, HITS)

    def precision(self, vectors: Vectors) -> dict[int, float]:
        """Give the average precision of each query that can find anything."""
        q = self.queries
        found = query_gallery(vectors[:q], self.labels[:q], vectors[q:], self.labels[q:], "cosine")
        return dict(zip(found.queries.tolist(), found.average_precision.tolist(), strict=True))


def hardest(ranked: Ranked, found: Neighbours) -> list[Query]:
    """Give the queries of the lowest average precision, the worst first, with what they find."""
    before, after = ranked.precision(ranked.before), ranked.precision(ranked.after)
    place = {int(query): number for number, query in enumerate(found.queries)}
    worst = sorted((row for row in after if row in place), key=lambda row: (after[row], row))
    return [
        Query(
            picture=ranked.pictures[row],
            hits=list(_hits(ranked, found, place[row])),
            precision_before=before.get(row),
            precision=after[row],
        )
        for row in worst[:HARDEST]
        if after[row] < 1
    ]


def confusions(ranked: Ranked, found: Neighbours) -> list[Confusion]:
    """Count the first hits of other categories by pairs of categories, the largest share first."""
    first = _first_hits(ranked, found)
    of = Counter[int]()
    wrong = defaultdict[tuple[int, int], list[int]](list)
    for number, query in enumerate(found.queries):
        label = int(ranked.labels[query])
        others = ranked.labels[found.rows[number, : first[number]]]
        of[label] += len(others)
        for other in others[others != label].tolist():
            wrong[label, other].append(number)
    pairs = sorted(wrong, key=lambda pair: (-len(wrong[pair]) / of[pair[0]], pair))
    names = _names(ranked)
    return [
        Confusion(
            category=names[pair[0]],
            found=names[pair[1]],
            hits=len(wrong[pair]),
            of=of[pair[0]],
            examples=_examples(ranked, found, pair[1], wrong[pair]) if n < CONFUSED_PAIRS else [],
        )
        for n, pair in enumerate(pairs)
    ]


def _examples(ranked: Ranked, found: Neighbours, other: int, numbers: list[int]) -> list[Query]:
    """Give the queries that find the most of another category, with what they find of it."""
    return [
        Query(
            picture=ranked.pictures[int(found.queries[number])],
            hits=[
                hit
                for hit, row in zip(_hits(ranked, found, number), found.rows[number], strict=True)
                if ranked.labels[row] == other
            ][:EXAMPLES],
        )
        for number, _ in Counter(numbers).most_common(EXAMPLES)
    ]


def _hits(ranked: Ranked, found: Neighbours, number: int) -> Iterator[Hit]:
    for row, distance in zip(found.rows[number], found.distances[number], strict=True):
        # Between vectors of length one.
        yield Hit(ranked.pictures[int(row)], round(float(1 - distance**2 / 2), 4))


def _first_hits(ranked: Ranked, found: Neighbours) -> NDArray[np.int64]:
    counts = np.bincount(ranked.labels[ranked.queries :], minlength=int(ranked.labels.max()) + 1)
    return np.minimum(counts[ranked.labels[found.queries]], found.rows.shape[1])


def _names(ranked: Ranked) -> dict[int, str]:
    labels = ranked.labels.tolist()
    return {label: one.category for label, one in zip(labels, ranked.pictures, strict=True)}
