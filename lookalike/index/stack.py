"""Inverted lists of several segments, searched as one: their lists stacked on each other.

The segments share a trained quantizer. A query is quantized once, its lookup tables are
computed once, and the same lists of every segment are scanned in one call of faiss, under
one threshold. Then all candidates together are compared by the refine codes. Searched by
itself each segment would quantize and refine its own; docs/benchmarks.md has the cost.
"""

import weakref
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import faiss
import numpy as np

from lookalike.index import kinds
from lookalike.index.details import SearchParameters
from lookalike.index.found import NO_ROW, Found, Rows, nearest
from lookalike.index.refine import RefineCodes
from lookalike.index.segment import KNOWN_PARAMETERS, Segment, exact
from lookalike.index.selection import Selection
from lookalike.index.stages import stage
from lookalike.vectors import Vectors

# Candidates refined at once: 32 MiB of float32 at 128 dimensions.
MOST_CANDIDATES = 1 << 16


class Stack:
    """Opened segments of inverted lists, whose lists hold row numbers of the whole version.

    It takes the segments over: their own indexes are not searched any more.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = list(segments)
        self._kind = segments[0].kind
        self._core = self._kind.core
        self._lists = self._core.nlist
        self._nprobe = self._core.nprobe
        self._quantizer = faiss.downcast_index(self._core.quantizer)
        self._graph_of_lists = not isinstance(self._quantizer, faiss.IndexFlat)
        weakref.finalize(self, _stack(segments))
        self._first_lists = np.arange(len(segments), dtype=np.int64)[:, None] * self._lists
        self._bounds = np.array([0, *(segment.stop for segment in segments)])
        self._refine = RefineCodes(segments) if self._kind.refine is not None else None
        self._parameters = lru_cache(KNOWN_PARAMETERS)(partial(_chosen, selection=None))

    def search(
        self, queries: Vectors, k: int, parameters: SearchParameters, selection: Selection | None
    ) -> Found:
        """Find the nearest rows of all segments, ``nprobe`` lists of each scanned."""
        if self._refine is None:
            return self._scan(queries, k, parameters, selection)
        step = max(1, int(MOST_CANDIDATES / (k * (parameters.k_factor or 1))))
        parts = [
            self._refined(self._refine, queries[first : first + step], k, parameters, selection)
            for first in range(0, len(queries), step)
        ]
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([part[0] for part in parts]), np.concatenate([p[1] for p in parts])

    def exact(self, queries: Vectors, k: int, selection: Selection | None) -> Found:
        """Find the nearest rows by comparing with every selected one."""
        if self._kind.refine is None:
            return self._scan(queries, k, SearchParameters(nprobe=self._lists), selection)
        return exact(self._segments, queries, k, selection)

    def _scan(
        self, queries: Vectors, k: int, parameters: SearchParameters, selection: Selection | None
    ) -> Found:
        """Quantize once, and scan the same lists of all segments under one threshold."""
        if self._kind.chain is not None:
            queries = np.ascontiguousarray(kinds.transformed(self._kind, queries))
        count, segments = len(queries), len(self._segments)
        nprobe = min(parameters.nprobe or self._nprobe, self._lists)
        chosen = self._chosen(nprobe * segments, selection)
        # The C calls: the Python ones check for microseconds, and of search_preassigned the
        # Python one insists on the index's own nprobe.
        pointer = faiss.swig_ptr
        asked = pointer(queries)
        gaps, lists = np.empty((count, nprobe), np.float32), np.empty((count, nprobe), np.int64)
        self._quantizer.search_c(count, asked, nprobe, pointer(gaps), pointer(lists))
        keys, gaps = self._of_all_segments(lists), gaps.repeat(segments, axis=0)
        squared, rows = np.empty((count, k), np.float32), np.empty((count, k), np.int64)
        lists_and_gaps, found = map(pointer, (keys, gaps)), map(pointer, (squared, rows))
        with stage("shards", shards=segments):
            self._core.search_preassigned_c(count, asked, k, *lists_and_gaps, *found, False, chosen)
        return squared, rows

    def _of_all_segments(self, lists: Rows) -> Rows:
        """Name the same lists of every segment: list l of segment s is s · lists + l of all."""
        keys: Rows = lists[:, None] + self._first_lists
        if self._graph_of_lists:  # which may reach fewer than it is asked for
            keys[np.broadcast_to(lists[:, None] < 0, keys.shape)] = NO_ROW
        return keys

    def _chosen(self, nprobe: int, selection: Selection | None) -> Any:
        return self._parameters(nprobe) if selection is None else _chosen(nprobe, selection)

    def _refined(
        self,
        refine: RefineCodes,
        queries: Vectors,
        k: int,
        parameters: SearchParameters,
        selection: Selection | None,
    ) -> Found:
        wanted = int(k * (parameters.k_factor or 1))
        _, rows = self._scan(queries, wanted, parameters, selection)
        with stage("merge"):
            return nearest(refine.distances(queries, rows), rows, k)


def _stack(segments: Sequence[Segment]) -> Callable[[], None]:
    """Turn the first segment's lists into those of all; give what turns them back."""
    core = segments[0].kind.core
    lists, quantizer = core.nlist, core.quantizer
    own, owns_lists, owns_quantizer = core.invlists, core.own_invlists, core.own_fields
    pointers = faiss.InvertedListsPtrVector()
    for segment in segments:
        pointers.push_back(segment.kind.core.invlists)
    stacked = faiss.VStackInvertedLists(pointers.size(), pointers.data())
    repeated = _repeated_centroids(core, len(segments)) if core.by_residual else None
    core.own_invlists = False
    core.nlist *= len(segments)
    core.replace_invlists(stacked, False)
    core.ntotal = segments[-1].stop
    if repeated is not None:
        # A second reference, since faiss takes the one that it is given from its owner.
        core.own_fields, core.quantizer = False, faiss.downcast_index(repeated)

    kept = [stacked, repeated, *segments]

    def restore() -> None:
        # The index deletes what is its own. Python must not: a SWIG object that is made an
        # owner later frees, with itself, the types of the whole module.
        core.nlist = lists
        core.replace_invlists(own, owns_lists)
        core.quantizer, core.own_fields = quantizer, owns_quantizer
        kept.clear()

    return restore


def _repeated_centroids(core: Any, times: int) -> Any:
    """Codes are of differences from a list's centroid, which faiss looks up by the list."""
    centroids = faiss.downcast_index(core.quantizer).reconstruct_n(0, core.nlist)
    repeated = faiss.IndexFlatL2(core.d)
    for _ in range(times):
        repeated.add(centroids)
    if isinstance(core, faiss.IndexIVFPQ | faiss.IndexIVFPQFastScan):
        core.use_precomputed_table = 0  # those tables are of the original lists
    return repeated


def _chosen(nprobe: int, selection: Selection | None) -> Any:
    chosen = {} if selection is None else {"sel": selection.selector}
    return faiss.SearchParametersIVF(nprobe=nprobe, **chosen)
