"""The segments of one version, memory-mapped and searched as one index.

Nothing here may run before a server forks its workers: faiss' OpenMP threads do not
survive a fork.
"""

from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np

from lookalike.index import selected
from lookalike.index.details import SearchParameters, Shard
from lookalike.index.found import NO_ROW, Distances, Found, Rows, merged
from lookalike.index.segment import Segment, exact, open_segments
from lookalike.index.selected import Engine
from lookalike.index.selection import Bits, Selection, complement
from lookalike.index.stack import Stack
from lookalike.index.stages import stage
from lookalike.vectors import Vectors

__all__ = ["NO_ROW", "Distances", "FaissIndex", "Rows"]


class Separate:
    """Segments that are searched one after the other, and their answers merged."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments

    def search(
        self, queries: Vectors, k: int, parameters: SearchParameters, selection: Selection | None
    ) -> Found:
        """Find the nearest rows, each segment by its own index."""
        found = []
        for number, segment in enumerate(self._segments):
            with stage("shard", shard=number):
                part = segment.part(selection)
                found.append((segment.search(queries, k, parameters, part), segment.start))
        with stage("merge"):
            return merged(found, k)

    def exact(self, queries: Vectors, k: int, selection: Selection | None) -> Found:
        """Find the nearest rows by comparing with every selected one."""
        return exact(self._segments, queries, k, selection)


class FaissIndex:
    """The segments of a version; safe to search from many threads.

    Args:
        folder: a verified version's folder.
        segments: base shards, then at most one delta, in the order of their rows.
        parameters: how hard to search.
        dead: bits of the rows that are never answered (tombstones), of all segments.

    Attributes:
        size: rows of all segments, dead ones included.
        graph: whether base shards are HNSW.
        lists: how many inverted lists they have; 0: none.
        parameters: how hard to search, as given.
        refined: whether candidates are compared again by better codes.
    """

    def __init__(
        self,
        folder: Path,
        segments: Sequence[Shard],
        parameters: SearchParameters,
        dead: Bits | None = None,
    ) -> None:
        opened = self._segments = open_segments(folder, segments)
        self.parameters = parameters
        kind = opened[0].kind
        self.graph, self.refined = kind.graph, kind.refine is not None
        self.lists = kind.core.nlist if kind.inverted else 0
        self._kind = selected.Kind(self.lists, self.graph, by_row=kind.codes is not None)
        self.engine = _engine(opened)
        self.size = opened[-1].stop
        self._alive = None if dead is None else Selection(complement(dead, self.size), self.size)

    def select(self, bits: Bits) -> Selection:
        """Give the rows of these bits that are alive; to be used for any number of searches.

        Args:
            bits: one a row of all segments, lowest bit of a byte first.
        """
        return Selection(bits if self._alive is None else bits & self._alive.bits, self.size)

    def search(
        self,
        queries: Vectors,
        k: int,
        *,
        selection: Selection | None = None,
        parameters: SearchParameters | None = None,
    ) -> tuple[Distances, Rows]:
        """Find the ``k`` nearest rows of each query, nearest first.

        Args:
            queries: ``float32[n, d]``, prepared for the index's metric.
            k: how many; fewer come back only where fewer rows are selected and alive.
            selection: of :meth:`select`; None: every row that is alive.
            parameters: instead of the version's own.

        Returns:
            Euclidean distances ``float32[n, k]`` and rows ``int64[n, k]``; places that
            stay empty hold infinity and -1.
        """
        # One thread a query: parallelism comes from serving many queries at once.
        faiss.omp_set_num_threads(1)
        queries = np.ascontiguousarray(queries, np.float32)
        selection = selection or self._alive
        count = self.size if selection is None else selection.count
        if not count or not len(queries):
            return _nothing(len(queries), k)
        squared, rows = self._found(queries, k, parameters or self.parameters, selection)
        self._complete(queries, squared, rows, selection, min(k, count))
        np.maximum(squared, 0, out=squared)
        return np.sqrt(squared, out=squared), rows

    def exact(
        self, queries: Vectors, k: int, *, selection: Selection | None = None
    ) -> tuple[Distances, Rows]:
        """Find the ``k`` nearest rows by comparing with every one; otherwise as :meth:`search`."""
        squared, rows = self.engine.exact(queries, k, selection or self._alive)
        squared[rows == NO_ROW] = np.inf
        return np.sqrt(np.maximum(squared, 0)), rows

    def vector(self, row: int) -> Vectors | None:
        """Give back a row as exactly as it is kept: ``float32[d]``; see :meth:`Segment.vector`."""
        segment = next(one for one in self._segments if row < one.stop)
        return segment.vector(row - segment.start)

    def is_alive(self, row: int) -> bool:
        """Tell whether a row is no tombstone."""
        return self._alive is None or self._alive.holds(row)

    def alive_rows(self) -> Rows:
        """Number the rows that are alive: ``int64[n]``."""
        if self._alive is None:
            return np.arange(self.size)
        return np.flatnonzero(np.unpackbits(self._alive.bits, bitorder="little"))

    def dead_rows(self) -> Rows:
        """Number the tombstones: ``int64[n]``."""
        if self._alive is None:
            return np.empty(0, np.int64)
        bits = np.unpackbits(self._alive.bits, count=self.size, bitorder="little")
        return np.flatnonzero(bits == 0)

    def _found(
        self, queries: Vectors, k: int, parameters: SearchParameters, selection: Selection | None
    ) -> Found:
        if selection is None or selection.count == self.size:
            return self.engine.search(queries, k, parameters, None)
        return selected.search(self.engine, self._kind, queries, k, parameters, selection)

    def _complete(
        self,
        queries: Vectors,
        squared: Distances,
        rows: Rows,
        selection: Selection | None,
        reachable: int,
    ) -> None:
        """Answer those queries exactly for which too few of the reachable rows were found."""
        short = rows[:, reachable - 1] == NO_ROW
        if np.count_nonzero(short):  # a fourth of what any() takes
            squared[short], rows[short] = self.engine.exact(
                queries[short], rows.shape[1], selection
            )
        if reachable < rows.shape[1]:
            squared[rows == NO_ROW] = np.inf


def _engine(segments: Sequence[Segment]) -> Engine:
    if len(segments) == 1:
        return segments[0]
    if segments[0].kind.inverted:
        return Stack(segments)
    return Separate(segments)


def _nothing(queries: int, k: int) -> Found:
    return np.full((queries, k), np.inf, np.float32), np.full((queries, k), NO_ROW)
