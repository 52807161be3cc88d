"""Refuses a PNG whose pixel data goes on after its last pixel.

libpng inflates what is left over to the end, at a thousand bytes for each one in the
file. Where that could take seconds, the pixels are inflated here first and thrown away.
"""

import zlib
from collections.abc import Iterable, Iterator

from lookalike.picture.cursor import corrupt

# This much becomes half a GB at most (deflate's limit is 1032:1), which takes a second.
FREE_BYTES = 1 << 19
_PIECE = 1 << 16


def check_inflation(data: bytes, spans: list[tuple[int, int]], needed: int) -> None:
    """Raise CorruptPicture where much compressed data is left after ``needed`` bytes of pixels.

    Args:
        data: the file.
        spans: where the bodies of its IDAT chunks lie.
        needed: bytes of all its rows, with their filter bytes.
    """
    total = sum(end - start for start, end in spans)
    if total > FREE_BYTES and total - _consumed(data, spans, needed) > FREE_BYTES:
        raise corrupt("PNG", "its pixel data goes on after its last pixel")


def _consumed(data: bytes, spans: Iterable[tuple[int, int]], needed: int) -> int:
    """Count the compressed bytes that ``needed`` bytes of pixels come from."""
    inflater, consumed = zlib.decompressobj(), 0
    for piece in _pieces(data, spans):
        while piece and needed > 0 and not inflater.eof:
            try:
                needed -= len(inflater.decompress(piece, needed))
            except zlib.error as error:
                raise corrupt("PNG", "its pixel data cannot be inflated") from error
            consumed += len(piece) - len(inflater.unconsumed_tail)
            piece = inflater.unconsumed_tail
    return consumed


def _pieces(data: bytes, spans: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    for start, end in spans:
        for piece in range(start, end, _PIECE):
            yield data[piece : min(piece + _PIECE, end)]
