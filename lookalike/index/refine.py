"""Comparing candidates of several segments by their refine codes, in few array operations."""

import ctypes
from collections.abc import Sequence
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from lookalike.index.found import NO_ROW, Distances, Rows
from lookalike.index.segment import Segment
from lookalike.vectors import Vectors


class RefineCodes:
    """The refine codes of segments, where they are mapped; rows are numbered through.

    All of them are gathered by one array operation, whatever the number of segments: the
    codes are seen as parts of one array that spans the process' memory from the first to
    the last. Between the parts may be anything, or nothing; no row leads there.
    """

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = list(segments)  # whose memory it is
        refine: Any = segments[0].kind.refine
        self._refine = refine
        self._code_size = int(refine.code_size)
        held = [segment for segment in segments if segment.stop > segment.start]
        self._starts = np.array([segment.start for segment in held], np.int64)
        addresses = np.array([_address(segment) for segment in held], np.int64)
        sizes = np.array([segment.stop - segment.start for segment in held]) * self._code_size
        first, last = int(addresses.min()), int((addresses + sizes).max())
        self._offsets = addresses - first - self._starts * self._code_size
        memory: Any = (ctypes.c_uint8 * (last - first)).from_address(first)
        self._span = np.lib.stride_tricks.as_strided(
            np.frombuffer(memory, np.uint8),
            (last - first - self._code_size + 1, self._code_size),
            (1, 1),
            writeable=False,
        )

    def distances(self, queries: Vectors, rows: Rows) -> Distances:
        """Compare queries with candidates.

        Args:
            queries: ``float32[n, d]``.
            rows: ``int64[n, k]``; -1 where there is none.

        Returns:
            Squared Euclidean distances ``float32[n, k]``; infinity where there is none.
        """
        codes = self._gathered(np.maximum(rows.ravel(), 0))
        (count, k), dimensions = rows.shape, queries.shape[1]
        vectors = np.empty((count, k, dimensions), np.float32)
        self._refine.sa_decode_c(rows.size, faiss.swig_ptr(codes), faiss.swig_ptr(vectors))
        squared = np.empty((count, k), np.float32)
        for one, query, candidates in zip(squared, queries, vectors, strict=True):
            pointers = map(faiss.swig_ptr, (one, query, candidates))
            faiss.fvec_L2sqr_ny(*pointers, dimensions, k)
        squared[rows == NO_ROW] = np.inf
        return squared

    def _gathered(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Copy the codes of rows: ``uint8[n, code_size]``."""
        holding = self._starts.searchsorted(rows, "right") - 1
        found: npt.NDArray[np.uint8] = self._span[rows * self._code_size + self._offsets[holding]]
        return found


def _address(segment: Segment) -> int:
    codes = segment.kind.refine.codes  # type: ignore[union-attr]
    return int(faiss.rev_swig_ptr(codes.data(), codes.size()).ctypes.data)
