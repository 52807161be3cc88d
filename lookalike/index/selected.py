"""Searching when only some rows may be answered, each query as hard as it needs (effort.py)."""

from collections.abc import Iterator
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from lookalike.index import effort
from lookalike.index.details import SearchParameters
from lookalike.index.found import NO_ROW, Found, Rows
from lookalike.index.selection import Selection
from lookalike.vectors import Vectors


class Engine(Protocol):
    """What finds rows, numbered through all segments."""

    def search(
        self, queries: Vectors, k: int, parameters: SearchParameters, selection: Selection | None
    ) -> Found:
        """Find rows as well as the parameters say."""
        ...

    def exact(self, queries: Vectors, k: int, selection: Selection | None) -> Found:
        """Find rows by comparing with every selected one."""
        ...


class Kind(msgspec.Struct, frozen=True):
    """What an engine searches by: so many inverted lists, or a graph, or every row.

    Attributes:
        lists: how many; 0: none.
        graph: whether it is one.
        by_row: whether it has codes in the order of the rows, so that few can be looked up.
    """

    lists: int
    graph: bool
    by_row: bool


def search(
    engine: Engine,
    kind: Kind,
    queries: Vectors,
    k: int,
    parameters: SearchParameters,
    selection: Selection,
) -> Found:
    """Find the nearest selected rows; empty places where too few were found.

    Args:
        engine: of the version.
        kind: of the engine.
        queries: ``float32[n, d]``, one at least.
        k: how many.
        parameters: that suffice where every row may be answered.
        selection: one row at least.
    """
    enough = effort.enough(parameters, k)
    count = effort.neighbours(enough, selection.count, selection.size)
    looking = effort.looking(parameters, count, graph=kind.graph)
    if not (kind.lists or kind.graph) or _worth_comparing_all(looking, selection, kind):
        return engine.exact(queries, k, selection)
    found, selected = _neighbours(engine, queries, k, looking, count, selection)
    for wider, chosen in _efforts(parameters, selected, enough, count, kind):
        if _worth_comparing_all(wider, selection, kind):
            answer = engine.exact(queries[chosen], k, selection)
        else:
            answer = engine.search(queries[chosen], k, wider, selection)
        found[0][chosen], found[1][chosen] = answer
    return found


def _worth_comparing_all(parameters: SearchParameters, selection: Selection, kind: Kind) -> bool:
    search_ns = effort.search_ns(parameters, selection.size, lists=kind.lists)
    return effort.worth_comparing_all(
        selection.count, selection.size, search_ns, by_row=kind.by_row
    )


def _neighbours(
    engine: Engine,
    queries: Vectors,
    k: int,
    looking: SearchParameters,
    count: int,
    selection: Selection,
) -> tuple[Found, npt.NDArray[np.int64]]:
    """Look at the neighbours; give the nearest selected of them, and how many are selected."""
    squared, rows = engine.search(queries, count, looking, None)
    is_selected = _is_selected(rows, selection)
    order = np.argsort(~is_selected, axis=1, kind="stable")[:, :k]
    each = np.arange(len(queries))[:, None]
    return (squared[each, order], rows[each, order]), is_selected.sum(axis=1)


def _is_selected(rows: Rows, selection: Selection) -> npt.NDArray[np.bool_]:
    held = selection.bits[np.maximum(rows, 0) >> 3] >> (rows & 7).astype(np.uint8) & 1
    chosen: npt.NDArray[np.bool_] = (held != 0) & (rows != NO_ROW)
    return chosen


def _efforts(
    parameters: SearchParameters,
    selected: npt.NDArray[np.int64],
    enough: int,
    count: int,
    kind: Kind,
) -> Iterator[tuple[SearchParameters, npt.NDArray[np.int64]]]:
    """Give the parameters that queries need, with the queries, but for those that are answered.

    Queries are put together by powers of two, so that a batch falls into a few searches.
    """
    left = np.flatnonzero(selected < enough)
    powers = 2 ** np.floor(np.log2(np.maximum(selected[left], 1))) * (selected[left] > 0)
    for power in np.unique(powers):
        wider = effort.widened(parameters, int(power), count, lists=kind.lists)
        yield wider, left[powers == power]
