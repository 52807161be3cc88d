"""Boxes of the ISO base media file format (ISO/IEC 14496-12, 4.2), and integers in them."""

from collections.abc import Iterator
from dataclasses import dataclass

from lookalike.picture.cursor import corrupt, counted, take, truncated, unpack


@dataclass(frozen=True)
class Box:
    """One box: its four-letter type and where its parts lie in the file."""

    kind: bytes
    start: int
    body_start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Give the boxes that follow each other in ``data[start:end]``.

    Raises:
        TruncatedPicture: a box is longer than what it lies in.
        CorruptPicture: a box is shorter than its own header.
    """
    for _ in counted("AVIF"):
        if start + 8 > end:
            break
        length, header = int.from_bytes(data[start : start + 4]), 8
        if length == 1:  # the length follows, in 64 bits
            (length,), header = unpack(">Q", data, start + 8, "AVIF"), 16
        elif length == 0:  # as far as there is anything
            length = end - start
        if length < header:
            raise corrupt("AVIF", "a box is shorter than its header")
        if start + length > end:
            raise truncated("AVIF")
        yield Box(data[start + 4 : start + 8], start, start + header, start + length)
        start += length


class Fields:
    """Reads big-endian integers one after the other; TruncatedPicture past the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def number(self, length: int) -> int:
        """Give the next integer of ``length`` bytes (0 bytes: 0)."""
        return int.from_bytes(self.read(length))

    def read(self, length: int) -> bytes:
        """Give the next ``length`` bytes."""
        value = take(self._data, self._position, length, "AVIF")
        self._position += length
        return value

    def full_box(self) -> tuple[int, int]:
        """Give the version and the flags that a "full box" begins with."""
        return self.number(1), self.number(3)
