"""The kinds of faiss index that a segment can be: their layers, and their own parameters.

Which rows a search may answer holds in these and no others: it is given to the innermost
index, the one that scans. faiss accepts a selector elsewhere too, and leaks there.
"""

from typing import Any

import faiss
import msgspec
import numpy as np

from lookalike.errors import ConfigurationError
from lookalike.index.details import SearchParameters
from lookalike.index.selection import Selection
from lookalike.vectors import Vectors

GRAPHS = (faiss.IndexHNSWFlat, faiss.IndexHNSWSQ)
INVERTED = (
    faiss.IndexIVFFlat,
    faiss.IndexIVFScalarQuantizer,
    faiss.IndexIVFPQ,
    faiss.IndexIVFPQFastScan,
)
EXHAUSTIVE = (faiss.IndexFlat, faiss.IndexFlatL2, faiss.IndexScalarQuantizer)


class Layers(msgspec.Struct, frozen=True):
    """An index taken apart.

    Attributes:
        index: the whole, which its layers live as long as.
        core: what scans: a graph, inverted lists, or every vector.
        chain: the index that transforms vectors before the core, or None.
        refine: the codes that candidates are compared by again, or None.
    """

    index: Any
    core: Any
    chain: Any | None = None
    refine: Any | None = None

    @property
    def inverted(self) -> bool:
        """Whether the core has inverted lists."""
        return isinstance(self.core, INVERTED)

    @property
    def codes(self) -> Any | None:
        """The index whose codes lie in the order of the rows; None where lists hold them all."""
        if self.refine is not None:
            return self.refine
        if self.inverted:
            return None
        return faiss.downcast_index(self.core.storage) if self.graph else self.core

    @property
    def graph(self) -> bool:
        """Whether the core is a graph."""
        return isinstance(self.core, GRAPHS)

    @property
    def parameters(self) -> list[str]:
        """Names of the search parameters that it has."""
        has = {
            "nprobe": self.inverted,
            "k_factor": self.refine is not None,
            "ef_search": self.graph,
        }
        return [name for name, own in has.items() if own]


def layers(index: Any) -> Layers:
    """Take an index apart.

    Raises:
        ConfigurationError: it is of a kind in which a selection of rows is not known to hold.
    """
    whole, refine, chain = index, None, None
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexRefine):
        refine = faiss.downcast_index(index.refine_index)
        index = faiss.downcast_index(index.base_index)
    if isinstance(index, faiss.IndexPreTransform):
        chain, index = index, faiss.downcast_index(index.index)
    _require(index, (*GRAPHS, *INVERTED, *EXHAUSTIVE))
    if refine is not None:
        _require(refine, EXHAUSTIVE)
    return Layers(whole, index, chain, refine)


def transformed(kind: Layers, queries: Vectors) -> Vectors:
    """Transform ``float32[n, d]`` as the core of an index wants them."""
    if kind.chain is None:
        return queries
    steps = kind.chain.chain
    for number in range(steps.size()):
        queries = faiss.downcast_VectorTransform(steps.at(number)).apply(queries)
    return queries


def restored(kind: Layers, vector: Vectors) -> Vectors:
    """Turn ``float32[d]`` back into what was transformed; the inverse of :func:`transformed`."""
    if kind.chain is None:
        return vector
    steps, vectors = kind.chain.chain, vector[np.newaxis]
    for number in reversed(range(steps.size())):
        step = faiss.downcast_VectorTransform(steps.at(number))
        vectors = step.reverse_transform(np.ascontiguousarray(vectors))
    return np.asarray(vectors[0])


def _require(index: Any, kinds: tuple[type, ...]) -> None:
    # Exactly these: what derives from them may scan in its own way.
    if type(index) not in kinds:
        raise ConfigurationError(
            f"an index with an {type(index).__name__} in it cannot leave deleted pictures out for "
            "certain; take Flat, SQ, HNSW or IVF with Flat, SQ or PQ, refined by Flat or SQ"
        )


def faiss_parameters(
    kind: Layers, parameters: SearchParameters, selection: Selection | None
) -> Any | None:
    """Translate our parameters and a selection to faiss' own objects, one in the other."""
    wanted = _core_parameters(kind, parameters, selection)
    if kind.chain is not None:
        wanted = faiss.SearchParametersPreTransform(index_params=wanted)
    if kind.refine is not None:
        factor = parameters.k_factor or 1
        wanted = faiss.IndexRefineSearchParameters(k_factor=factor, base_index_params=wanted)
    return wanted


def _core_parameters(
    kind: Layers, parameters: SearchParameters, selection: Selection | None
) -> Any | None:
    chosen = {} if selection is None else {"sel": selection.selector}
    if kind.graph:
        ef_search = parameters.ef_search or kind.core.hnsw.efSearch
        return faiss.SearchParametersHNSW(efSearch=ef_search, **chosen)
    if kind.inverted:
        nprobe = min(parameters.nprobe or kind.core.nprobe, kind.core.nlist)
        return faiss.SearchParametersIVF(nprobe=nprobe, **chosen)
    return faiss.SearchParameters(**chosen) if chosen else None
