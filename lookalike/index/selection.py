"""Which rows of an index may be answered: packed bits, as faiss' selectors read them."""

from collections.abc import Iterable
from functools import cached_property

import faiss
import numpy as np
import numpy.typing as npt

from lookalike.index.filters import Filter

# One bit a row, the lowest bit of a byte first; bits after the last row are 0.
Bits = npt.NDArray[np.uint8]


def no_rows(size: int) -> Bits:
    """Give the bits of ``size`` rows, all 0."""
    return np.zeros((size + 7) // 8, np.uint8)


def bits_of(rows: Iterable[int] | npt.NDArray[np.int64], size: int) -> Bits:
    """Give the bits of ``size`` rows, 1 for these."""
    bits = no_rows(size)
    numbers = np.fromiter(rows, np.int64)
    np.bitwise_or.at(bits, numbers >> 3, (1 << (numbers & 7)).astype(np.uint8))
    return bits


def complement(bits: Bits, size: int) -> Bits:
    """Give 1 where ``bits`` has 0, for ``size`` rows; bits after the last row stay 0."""
    turned = ~bits
    if size % 8:
        turned[-1] &= (1 << size % 8) - 1
    return turned


def has_bit(bits: Bits, row: int) -> bool:
    """Tell whether a row's bit is 1."""
    return bool(bits[row >> 3] >> (row & 7) & 1)


class Selection:
    """Rows that a search may answer; immutable, and safe to share between threads.

    Args:
        bits: of every row of the index (:data:`Bits`); kept, not copied.
        size: how many rows the index has.
        within: the selection that these rows are known to be a part of.
        wanted: the filter that they were selected by, where it was one; it selects among
            pictures that are laid over the index too (``overlay.py``).
    """

    def __init__(
        self,
        bits: Bits,
        size: int,
        within: "Selection | None" = None,
        wanted: Filter | None = None,
    ) -> None:
        if len(bits) != (size + 7) // 8:
            raise ValueError(f"{len(bits)} bytes of bits do not cover {size} rows")
        self.bits, self.size, self.within, self.wanted = bits, size, within, wanted
        self.count = int(np.bitwise_count(bits).sum())
        self._parts: dict[tuple[int, int], Selection] = {}

    @cached_property
    def selector(self) -> faiss.IDSelectorBitmap:
        """The selector over the numbers of all rows."""
        return faiss.IDSelectorBitmap(self.bits)

    def holds(self, row: int) -> bool:
        """Tell whether a row may be answered."""
        return has_bit(self.bits, row)

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """The numbers of the rows, ``int64[count]``; eight bytes for each."""
        # Bytes without any row are skipped: most of them, where the rows are few.
        held = np.flatnonzero(self.bits)
        unpacked = np.unpackbits(self.bits[held], bitorder="little").reshape(-1, 8)
        byte, bit = np.nonzero(unpacked)
        return held[byte] * 8 + bit

    def part(self, start: int, stop: int) -> "Selection":
        """Give the selection of the rows from ``start`` to before ``stop``, counted from 0.

        It is made once, since every query of segments that are searched apart asks for it.
        """
        if start == 0 and stop == self.size:
            return self
        part = self._parts.get((start, stop))
        if part is None:  # two threads may both make it: either is right
            part = self._parts[start, stop] = self._cut(start, stop)
        return part

    def _cut(self, start: int, stop: int) -> "Selection":
        first = start // 8
        unpacked = np.unpackbits(self.bits[first : (stop + 7) // 8], bitorder="little")
        own = unpacked[start - first * 8 : stop - first * 8]
        return Selection(np.packbits(own, bitorder="little"), stop - start)

    def among(self, alive: "Selection | None") -> "Selection":
        """Give those of the rows that are alive too; itself where that is known."""
        if alive is None or self.within is alive:
            return self
        return Selection(self.bits & alive.bits, self.size, alive, self.wanted)
