"""One segment, memory-mapped and searched by itself."""

from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path

import faiss

from lookalike.errors import DigestMismatch
from lookalike.index import kinds, lists
from lookalike.index.details import SearchParameters, Shard
from lookalike.index.effort import worth_gathering
from lookalike.index.found import Found, merged
from lookalike.index.gather import compared
from lookalike.index.selection import Selection
from lookalike.vectors import Vectors

KNOWN_PARAMETERS = 64


class Segment:
    """An opened segment; safe to search from many threads.

    Args:
        folder: a verified version's folder.
        shard: which of its segments.
        start: the number of the segment's first row among all rows of the version.

    Attributes:
        index: the faiss index.
        kind: its layers.
        start, stop: its rows' numbers.
    """

    def __init__(self, folder: Path, shard: Shard, start: int) -> None:
        path = folder / shard.file
        self.index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        if self.index.ntotal != shard.vectors:
            raise DigestMismatch(
                f"{path} holds {self.index.ntotal} vectors, its manifest says {shard.vectors}"
            )
        self.kind = kinds.layers(self.index)
        self.start, self.stop = start, start + shard.vectors
        # Kept, since faiss' index only points at them.
        self._lists = lists.map_lists(folder / shard.lists, self.kind.core) if shard.lists else None
        self._parameters = lru_cache(KNOWN_PARAMETERS)(
            partial(kinds.faiss_parameters, self.kind, selection=None)
        )

    def search(
        self, queries: Vectors, k: int, parameters: SearchParameters, selection: Selection | None
    ) -> Found:
        """Find the nearest rows, numbered from 0 within the segment, by the index."""
        if selection is None:
            chosen = self._parameters(parameters)
        else:
            chosen = kinds.faiss_parameters(self.kind, parameters, selection)
        found: Found = self.index.search(queries, k, params=chosen)
        return found

    def part(self, selection: Selection | None) -> Selection | None:
        """Give what a selection of the version's rows says of this segment's."""
        return None if selection is None else selection.part(self.start, self.stop)

    def exact(self, queries: Vectors, k: int, selection: Selection | None) -> Found:
        """Find the nearest rows by comparing with every selected one."""
        codes = self.kind.codes
        if codes is None:
            every = SearchParameters(nprobe=self.kind.core.nlist)
            return self.search(queries, k, every, selection)
        if self.kind.refine is None:
            queries = kinds.transformed(self.kind, queries)
        if selection is not None and worth_gathering(selection.count, selection.size):
            return compared(codes, queries, selection.rows, k)
        chosen = faiss.SearchParameters(sel=selection.selector) if selection is not None else None
        found: Found = codes.search(queries, k, params=chosen)
        return found

    def vector(self, row: int) -> Vectors | None:
        """Give back a row, numbered from 0 within the segment, as exactly as it is kept.

        Returns:
            ``float32[d]``; None where inverted lists hold the only copy, in which no row
            can be found without going through all of them.
        """
        codes = self.kind.codes
        if codes is None:
            return None
        kept: Vectors = codes.reconstruct(row)
        return kinds.restored(self.kind, kept) if self.kind.refine is None else kept


def open_segments(folder: Path, shards: Iterable[Shard]) -> list[Segment]:
    """Open segments whose rows follow each other."""
    opened: list[Segment] = []
    for shard in shards:
        opened.append(Segment(folder, shard, opened[-1].stop if opened else 0))
    return opened


def exact(
    segments: Iterable[Segment], queries: Vectors, k: int, selection: Selection | None
) -> Found:
    """Compare with every selected row of all segments; rows are numbered through."""
    return merged(
        [
            (segment.exact(queries, k, segment.part(selection)), segment.start)
            for segment in segments
        ],
        k,
    )
