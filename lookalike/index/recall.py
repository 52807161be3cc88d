"""recall@10, as it is measured before a version is published and while one serves."""

import numpy as np

from lookalike.index.found import Distances

K = 10
# Of Euclidean distances by equal codes, whose sums differ by the order of their terms.
RELATIVE, ABSOLUTE = 1e-4, 1e-5


def recalled(found: Distances, exact: Distances) -> float:
    """Give the share of the exact answers that a search found.

    A row counts where it is as near as the last of the exact ones, so that it does not
    matter which of several equally near rows are found.

    Args:
        found: Euclidean distances ``float32[n, m]``, nearest first; m is at most k.
        exact: those of comparing with every row, ``float32[n, k]``, at least one.
    """
    bound = exact[:, -1:] * (1 + RELATIVE) + ABSOLUTE
    return float(np.count_nonzero(found <= bound) / exact.size)
