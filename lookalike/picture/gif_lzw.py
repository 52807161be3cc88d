"""Counts the clear codes in a GIF's LZW data, without decoding it.

OpenCV builds its table of 4,096 strings anew at each clear code: 9 µs for 3 bits of
file, so that 30 MB of clear codes keep it busy for a quarter of an hour. Encoders clear
a full table (every 3,800 codes or more); the ones that avoid compression, every 254.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from lookalike.errors import PictureTooLarge
from lookalike.picture.cursor import corrupt

FREE_CLEARS = 64
PIXELS_PER_CLEAR = 200
MOST_CLEARS = 20_000  # a second; a full table each time would take 76 megapixels of noise
_TABLE = 4096  # codes of 12 bits at most (GIF89a, appendix F)
_WIDEST = 12
_SHORT_RUN = 64  # codes looked at before a whole table's worth: attacks clear often
_PADDING = b"\0\0\0"  # a code is read as three bytes

Integers = npt.NDArray[np.int64]


def check_clear_codes(lzw: bytes, code_bits: int, pixels: int) -> None:
    """Raise PictureTooLarge where clear codes are out of all proportion to the pixels.

    Args:
        lzw: the image's sub-blocks, joined.
        code_bits: "LZW minimum code size", 2 to 8.
        pixels: pixels of the image.
    """
    if not 2 <= code_bits <= 8:
        raise corrupt("GIF", f"its LZW code size is {code_bits}")
    allowed = min(FREE_CLEARS + pixels // PIXELS_PER_CLEAR, MOST_CLEARS)
    for count, _ in enumerate(_clears(lzw, code_bits)):
        if count >= allowed:
            raise PictureTooLarge(
                f"The GIF restarts its compression more than {allowed:,} times, "
                "which takes too long: save it anew."
            )


def _clears(lzw: bytes, code_bits: int) -> Iterator[int]:
    """Give the bit position after each clear or end code (OpenCV clears at both, and goes on)."""
    data = np.frombuffer(lzw + _PADDING, np.uint8)
    position, end = 0, 8 * len(lzw)
    first = 0  # codes since the last clear
    while position < end:
        starts, widths = _run(position, first, code_bits)
        starts = starts[starts < end]
        widths = widths[: len(starts)]
        hits = np.flatnonzero(_codes(data, starts, widths) >> 1 == 1 << code_bits - 1)
        which = int(hits[0]) if len(hits) else len(starts) - 1
        position = int(starts[which] + widths[which])
        first = 0 if len(hits) else first + len(starts)
        if len(hits):
            yield position


def _run(position: int, first: int, code_bits: int) -> tuple[Integers, Integers]:
    """Give the bit positions and widths of the codes from the ``first`` after a clear on."""
    widths = _widths(code_bits)
    some = widths[:_SHORT_RUN] if not first else widths[first:] if first < _TABLE else _FULL
    return position + np.cumsum(some) - some, some


@cache
def _widths(code_bits: int) -> Integers:
    """Widths of the codes after a clear: the table grows by one a code, up to 12 bits."""
    clear = 1 << code_bits
    return np.array([min(_WIDEST, (clear + 1 + n).bit_length()) for n in range(_TABLE)])


_FULL = np.full(_TABLE, _WIDEST)


def _codes(data: npt.NDArray[np.uint8], starts: Integers, widths: Integers) -> Integers:
    """Read the codes at bit positions ``starts``, lowest bit first."""
    byte = starts >> 3
    window = data[byte].astype(np.int64)
    window |= data[byte + 1].astype(np.int64) << 8
    window |= data[byte + 2].astype(np.int64) << 16
    codes: Integers = window >> (starts & 7) & (1 << widths) - 1
    return codes
