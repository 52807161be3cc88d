"""How hard to search when only some rows may be answered: pure decisions.

What counts is not how many rows are selected, but how many of a query's own neighbours are:
rows of another corner than the query's are far away, and inverted lists have to be probed, or
a graph walked, much more widely for them. So the neighbours are looked at first. Where enough
of them are selected, they are the answer. Otherwise their share says how widely to search,
and where comparing all selected rows costs less, that is done, which misses none.

The costs are nanoseconds of one core at 128 dimensions, rounded from searches of the million
rows of bench.filters (of a graph: a hundred thousand); only their ratios count.
"""

import math

from lookalike.index.details import SearchParameters

# Rows that are gathered one by one, rather than found by testing a bit of every row.
BIT_NS, GATHERED_NS = 2.0, 350.0
# A selected row compared in passing, and a row of an inverted list scanned under a selector.
COMPARED_NS, SCANNED_NS = 130.0, 5.0
# A step of a graph's walk: a row and its neighbours.
STEP_NS = 6500.0

# What faiss takes where a version says nothing.
FAISS_NPROBE, FAISS_EF_SEARCH = 1, 16

# Comparing all may take so many times as long as a search, since it misses none.
WORTH_EXACT = 2
# No more than what a search spends around faiss.
CHEAP_NS = 50_000.0

# Neighbours looked at: a little more than the selected ones that are enough need, as if at
# least this share of them were selected.
LOOKED_AT, LEAST_LOOKED_AT, LEAST_SHARE = 1.25, 50, 0.4
# A graph finds the last of so many neighbours by walking among more.
GRAPH_AROUND = 2
# So many times k selected neighbours are enough where no candidates are refined.
ENOUGH = 3
# How much wider, against the inverse of the share of neighbours that are selected.
WIDER_LISTS, WIDER_GRAPH = 0.4, 1.0
# The nearest lists, three in four, hold nearly all that is near, however far that is.
MOST_LISTS = 0.75
# Coarse codes tell rows that are far from a query badly apart: more of them are refined.
MORE_REFINED, MOST_K_FACTOR = 2, 64.0


def worth_gathering(selected: int, rows: int) -> bool:
    """Tell whether to look selected rows up, rather than to go through all for them."""
    return selected * GATHERED_NS < rows * BIT_NS + selected * COMPARED_NS


def worth_comparing_all(selected: int, rows: int, search_ns: float, *, by_row: bool) -> bool:
    """Tell whether to compare with every selected row, rather than search for so long."""
    return exact_ns(selected, rows, by_row=by_row) <= max(CHEAP_NS, WORTH_EXACT * search_ns)


def exact_ns(selected: int, rows: int, *, by_row: bool) -> float:
    """Estimate what comparing with all selected rows takes.

    Args:
        selected: how many.
        rows: of all.
        by_row: whether codes lie in the order of the rows; otherwise all lists are scanned.
    """
    if not by_row:
        return rows * SCANNED_NS
    return min(selected * GATHERED_NS, rows * BIT_NS + selected * COMPARED_NS)


def enough(parameters: SearchParameters, k: int) -> int:
    """Give how many neighbours must be selected for the nearest ``k`` of them to be the answer.

    As many as would be refined were every row selected.
    """
    return math.ceil(k * (parameters.k_factor or ENOUGH))


def neighbours(enough: int, selected: int, rows: int) -> int:
    """Give how many of a query's neighbours to look at, for enough of them to be selected."""
    share = max(LEAST_SHARE, selected / rows)
    return min(rows, max(LEAST_LOOKED_AT, math.ceil(LOOKED_AT * enough / share)))


def looking(parameters: SearchParameters, count: int, *, graph: bool) -> SearchParameters:
    """Give the parameters that so many neighbours are looked at with."""
    ef_search = max(parameters.ef_search or 0, GRAPH_AROUND * count) if graph else None
    return SearchParameters(nprobe=parameters.nprobe, k_factor=1, ef_search=ef_search)


def widened(
    parameters: SearchParameters, selected: int, looked_at: int, *, lists: int
) -> SearchParameters:
    """Search so much harder as fewer of the neighbours that were looked at are selected.

    Args:
        parameters: that find neighbours among all rows.
        selected: neighbours that are selected.
        looked_at: neighbours.
        lists: inverted lists of the index; 0: it is a graph.
    """
    inverse = (looked_at + 1) / (selected + 0.5)  # none of a hundred may be one of two hundred
    if not lists:
        ef_search = (parameters.ef_search or FAISS_EF_SEARCH) * (1 + WIDER_GRAPH * inverse)
        return SearchParameters(ef_search=math.ceil(ef_search))
    wider = 1 + WIDER_LISTS * inverse
    nprobe = parameters.nprobe or FAISS_NPROBE
    most = max(nprobe, math.ceil(lists * MOST_LISTS))
    k_factor = parameters.k_factor
    if k_factor is not None:
        k_factor = max(k_factor, min(MOST_K_FACTOR, k_factor * wider * MORE_REFINED))
    return SearchParameters(nprobe=min(most, math.ceil(nprobe * wider)), k_factor=k_factor)


def search_ns(parameters: SearchParameters, rows: int, *, lists: int) -> float:
    """Estimate what a search under a selector takes."""
    if not lists:
        return (parameters.ef_search or FAISS_EF_SEARCH) * STEP_NS
    return rows * SCANNED_NS * (parameters.nprobe or FAISS_NPROBE) / lists
