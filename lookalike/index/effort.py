"""How hard to search when only some rows may be answered: pure decisions.

The nearest of a few selected rows lie further away than the nearest of all: inverted lists
have to be probed more widely, a graph walked further, and where the selection is small
enough it is quicker, and exact, to compare with each selected row.
"""

import math

from lookalike.index.details import SearchParameters

# Selected rows that are always compared one by one: less than a millisecond at 128 numbers.
FEW_ROWS = 2000
# Shares below which comparing all selected rows beats a wider search. A graph walks
# through rows that it may not answer, so it suffers sooner.
LOW_SHARE = 0.02
LOW_SHARE_OF_A_GRAPH = 0.3


def worth_comparing_all(selected: int, rows: int, *, graph: bool) -> bool:
    """Tell whether to compare with every one of the selected rows."""
    share = LOW_SHARE_OF_A_GRAPH if graph else LOW_SHARE
    return selected <= FEW_ROWS or selected < share * rows


def widened(parameters: SearchParameters, selected: int, rows: int) -> SearchParameters:
    """Search so much harder as the selected rows, at least one, are thinner spread."""
    if selected == rows:
        return parameters
    spread = rows / selected
    return SearchParameters(
        nprobe=_times(parameters.nprobe, spread),
        k_factor=parameters.k_factor,
        ef_search=_times(parameters.ef_search, spread),
    )


def _times(value: int | None, factor: float) -> int | None:
    return None if value is None else math.ceil(value * factor)
