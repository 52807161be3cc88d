"""faiss shards of one version, memory-mapped and searched as one index.

Nothing here may run before a server forks its workers: faiss' OpenMP threads do not
survive a fork.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from lookalike.errors import DigestMismatch
from lookalike.index.details import SearchParameters, Shard
from lookalike.vectors import Vectors

Distances = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
NO_ROW = -1


class FaissIndex:
    """The shards of a version; safe to search from many threads.

    Args:
        folder: a verified version's folder.
        shards: its shards, in the order of their rows.
        parameters: how hard to search.
    """

    def __init__(self, folder: Path, shards: Sequence[Shard], parameters: SearchParameters) -> None:
        self._indexes = [_open(folder, shard) for shard in shards]
        self._parameters = [search_parameters(index, parameters) for index in self._indexes]
        counts = [shard.vectors for shard in shards]
        self._offsets = np.cumsum([0, *counts[:-1]], dtype=np.int64)
        self.size = sum(counts)

    def search(self, queries: Vectors, k: int) -> tuple[Distances, Rows]:
        """Find the ``k`` nearest rows of each query, nearest first.

        Args:
            queries: ``float32[n, d]``, prepared for the index's metric.
            k: how many; fewer come back where the index has, or reaches, fewer.

        Returns:
            Euclidean distances ``float32[n, k]`` and rows ``int64[n, k]``; places that
            stay empty hold infinity and -1.
        """
        # One thread a query: parallelism comes from serving many queries at once.
        faiss.omp_set_num_threads(1)
        found = [
            index.search(queries, k, params=parameters)
            for index, parameters in zip(self._indexes, self._parameters, strict=True)
        ]
        squared, rows = self._merge(found, k) if len(found) > 1 else found[0]
        squared[rows == NO_ROW] = np.inf
        return np.sqrt(np.maximum(squared, 0)), rows

    def _merge(self, found: Sequence[tuple[Distances, Rows]], k: int) -> tuple[Distances, Rows]:
        squared = np.concatenate([distances for distances, _ in found], axis=1)
        rows = np.concatenate(
            [
                np.where(rows == NO_ROW, NO_ROW, rows + offset)
                for (_, rows), offset in zip(found, self._offsets, strict=True)
            ],
            axis=1,
        )
        squared[rows == NO_ROW] = np.inf
        order = np.argsort(squared, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(squared, order, 1), np.take_along_axis(rows, order, 1)


def search_parameters(index: Any, parameters: SearchParameters) -> Any:
    """Translate our parameters to faiss' own object for this index, or None where it has none."""
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexRefine):
        return faiss.IndexRefineSearchParameters(
            k_factor=parameters.k_factor or 1,
            base_index_params=search_parameters(index.base_index, parameters),
        )
    if isinstance(index, faiss.IndexHNSW) and parameters.ef_search:
        return faiss.SearchParametersHNSW(efSearch=parameters.ef_search)
    if isinstance(index, faiss.IndexIVF) and parameters.nprobe:
        return faiss.SearchParametersIVF(nprobe=parameters.nprobe)
    return None


def _open(folder: Path, shard: Shard) -> Any:
    index = faiss.read_index(str(folder / shard.file), faiss.IO_FLAG_MMAP_IFC)
    if index.ntotal != shard.vectors:
        raise DigestMismatch(
            f"{folder / shard.file} holds {index.ntotal} vectors, its manifest says {shard.vectors}"
        )
    return index
