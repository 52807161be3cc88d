"""Comparing queries with a few rows of a segment, by the codes that are gathered for it."""

from typing import Any

import faiss
import numpy as np

from lookalike.index.found import NO_ROW, Found, Rows, nearest
from lookalike.vectors import Vectors

# Decoded at once: half a megabyte of float32 at 128 dimensions, which stays in a core's cache.
CHUNK_ROWS = 1024


def compared(codes: Any, queries: Vectors, rows: Rows, k: int) -> Found:
    """Find the nearest of these rows.

    Args:
        codes: a faiss index of codes in the order of the rows (:attr:`kinds.Layers.codes`).
        queries: ``float32[n, d]``, transformed as the codes are.
        rows: ``int64[m]``, one at least.
        k: how many; places that stay empty hold infinity and -1.
    """
    held = faiss.rev_swig_ptr(codes.codes.data(), codes.codes.size())
    held = held.reshape(-1, codes.code_size)
    squared = np.full((len(queries), k), np.inf, np.float32)
    found = np.full((len(queries), k), NO_ROW)
    for first in range(0, len(rows), CHUNK_ROWS):
        chunk = rows[first : first + CHUNK_ROWS]
        gaps = squared_gaps(queries, codes.sa_decode(held[chunk]))
        numbers = np.broadcast_to(chunk, gaps.shape)
        squared, found = nearest(np.hstack([squared, gaps]), np.hstack([found, numbers]), k)
    return squared, found


def squared_gaps(queries: Vectors, vectors: Vectors) -> Any:
    """Squared distances ``float32[n, m]`` of queries from vectors ``float32[m, d]``."""
    gaps = np.empty((len(queries), len(vectors)), np.float32)
    for one, query in zip(gaps, queries, strict=True):
        pointers = map(faiss.swig_ptr, (one, query, vectors))
        faiss.fvec_L2sqr_ny(*pointers, vectors.shape[1], len(vectors))
    return gaps
