"""Bounds-checked reading of integers and slices; a read past the end is TruncatedPicture."""

import struct
from collections.abc import Iterable, Iterator

from lookalike.errors import BadDimensions, CorruptPicture, TruncatedPicture
from lookalike.picture.header import Format, Size

# Segments, chunks or blocks of one picture. A 30 MB PNG with 8 kB chunks has 4,000 and
# a 25 MB GIF has 100,000; more are there only to keep a parser busy.
MAX_PARTS = 100_000


def take(data: bytes, start: int, length: int, name: Format) -> bytes:
    """Give ``length`` bytes from ``start``, or raise TruncatedPicture."""
    if start < 0 or start + length > len(data):
        raise truncated(name)
    return data[start : start + length]


def unpack(layout: str, data: bytes, start: int, name: Format) -> tuple[int, ...]:
    """Read integers by a ``struct`` layout, or raise TruncatedPicture."""
    values: tuple[int, ...] = struct.unpack(
        layout, take(data, start, struct.calcsize(layout), name)
    )
    return values


def cut(start: bytes, data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    """Join ``start`` and parts of ``data``, each from a start to an end, in one copy."""
    view = memoryview(data)
    return b"".join([start, *(view[first:end] for first, end in spans)])


def counted(name: Format) -> Iterator[int]:
    """Count the parts of a picture; raise CorruptPicture past ``MAX_PARTS``."""
    yield from range(MAX_PARTS)
    raise corrupt(name, f"it has more than {MAX_PARTS:,} parts")


def sized(width: int, height: int, name: Format) -> Size:
    """Give the size, or raise BadDimensions where a side is no positive number."""
    if width <= 0 or height <= 0:
        raise BadDimensions(
            f"The {name} says that it is {width} by {height} pixels: send a picture that has area."
        )
    return Size(width, height)


def truncated(name: Format) -> TruncatedPicture:
    """Say that the file ends too early."""
    return TruncatedPicture(f"The {name} ends before its picture does: send the whole file.")


def corrupt(name: Format, what: str) -> CorruptPicture:
    """Say what is wrong inside."""
    return CorruptPicture(f"The {name} is damaged ({what}): send an intact file.")
