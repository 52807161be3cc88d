"""Pictures that were added since a version was built: searched exactly, and merged in.

There are few of them (``changed.MOST_ADDED``), until the next version folds them in.
"""

import heapq
from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import islice
from operator import attrgetter

import msgspec
import numpy as np

from lookalike.index.found import Distances, Rows
from lookalike.index.gather import squared_gaps
from lookalike.index.hit import Hit
from lookalike.index.picture_row import PictureRow
from lookalike.index.row_filter import RowTest
from lookalike.vectors import Vectors


class Laid(msgspec.Struct, frozen=True):
    """A picture to lay over a version, and its vector, ``float32[d]`` prepared for the metric."""

    row: PictureRow
    vector: Vectors


class Overlay:
    """Added pictures; immutable, and safe to share between threads.

    Args:
        rows: what they are; no id twice.
        vectors: ``float32[n, d]``, prepared for the version's metric.
    """

    def __init__(self, rows: Sequence[PictureRow], vectors: Vectors) -> None:
        self.rows, self.vectors = rows, np.ascontiguousarray(vectors, np.float32)
        self._places = {row.id: place for place, row in enumerate(rows)}

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The attributes that some picture here has."""
        return frozenset(name for row in self.rows for name in row.attributes)

    def find(self, name: str) -> int | None:
        """Give the place of a picture, by its id."""
        return self._places.get(name)

    def changed(self, gone: Collection[str], new: Sequence[Laid]) -> "Overlay":
        """Give the overlay without some ids, and with new pictures after the others."""
        kept = [place for place, row in enumerate(self.rows) if row.id not in gone]
        vectors = self.vectors if len(kept) == len(self.rows) else self.vectors[kept]
        rows = [*(self.rows[place] for place in kept), *(laid.row for laid in new)]
        fresh = [laid.vector[np.newaxis] for laid in new]
        return Overlay(rows, np.concatenate([vectors, *fresh]))

    def nearest(
        self, queries: Vectors, found: Distances, k: int, test: RowTest | None
    ) -> list[list[Hit]]:
        """Find the nearest pictures to each query, as far as they can be among its ``k`` best.

        Args:
            queries: ``float32[n, d]``, prepared for the metric.
            found: distances of what the version itself has, ``float32[n, m]``, nearest first.
            k: how many of each query.
            test: which pictures may be answered; None: all.
        """
        every = np.sqrt(squared_gaps(queries, self.vectors))
        full = found.shape[1] >= k
        return [
            self._near(gaps, own[k - 1] if full else np.inf, k, test)
            for gaps, own in zip(every, found, strict=True)
        ]

    def _near(self, gaps: Distances, nearer: float, most: int, test: RowTest | None) -> list[Hit]:
        """Give the nearest of those at less than some distance.

        The filter is evaluated on them in turn: on few, where the version has near ones itself.
        """
        places = np.flatnonzero(gaps < nearer)
        ordered = places[np.argsort(gaps[places], kind="stable")].tolist()
        chosen = (place for place in ordered if test is None or test(self.rows[place]))
        return [Hit(self.rows[place], float(gaps[place])) for place in islice(chosen, most)]


class Near(msgspec.Struct, frozen=True):
    """What a search found, yet to be looked up.

    Attributes:
        distances: Euclidean, ``float32[n, m]``.
        rows: of the version, ``int64[n, m]``; places that stayed empty hold -1.
        added: of each query what is laid over the version; None: nothing is.
        k: how many of both are wanted, where there is something added.
    """

    distances: Distances
    rows: Rows
    added: list[list[Hit]] | None = None
    k: int = 0


def laid_over(found: list[list[Hit]], added: list[list[Hit]], k: int) -> list[list[Hit]]:
    """Merge added pictures into what a version itself has, both nearest first, ``k`` of each."""
    merged = []
    for hits, near in zip(found, added, strict=True):
        both = heapq.merge(hits, near, key=attrgetter("distance")) if near else hits
        merged.append(list(islice(both, k)))
    return merged
