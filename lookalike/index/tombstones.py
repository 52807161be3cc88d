"""Tombstones: which rows of a version are dead, a bit each, in a file of a few bytes."""

from pathlib import Path

import numpy as np

from lookalike.errors import DigestMismatch
from lookalike.index.selection import Bits


def write_tombstones(path: Path, dead: Bits) -> None:
    """Write the bits of all rows, 1 for the dead."""
    path.write_bytes(dead.tobytes())


def read_tombstones(path: Path, rows: int) -> Bits:
    """Read the bits of so many rows.

    Raises:
        DigestMismatch: the file is of another number of rows.
    """
    bits = np.fromfile(path, np.uint8)
    if len(bits) != (rows + 7) // 8:
        raise DigestMismatch(f"{path} does not hold a bit for each of {rows} rows")
    return bits
