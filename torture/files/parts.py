"""Where the parts of a picture begin: the places at which a file breaks off."""

import struct
from collections.abc import Callable, Iterator

from torture.files.png import png_chunks

_BOXES_INSIDE = {b"meta": 12, b"iprp": 8, b"ipco": 8}  # and the length of their own heads


def parts_of(name: str, data: bytes) -> list[int]:
    """Give the places of a sample's parts, by the format that its name holds."""
    format_name = next(known for known in _PLACES if known in name)
    return sorted(set(_PLACES[format_name](data)))


def _jpeg(data: bytes) -> Iterator[int]:
    yield 3  # before that nobody knows that it is a picture
    position = 2
    while position < len(data) - 2:
        if position > 2:
            yield position
        (length,) = struct.unpack(">H", data[position + 2 : position + 4])
        scan = data[position + 1] == 0xDA
        position += 2 + length
        while scan and (data[position] != 0xFF or data[position + 1] in (0, *range(0xD0, 0xD8))):
            position += 1
    yield position


def _png(data: bytes) -> Iterator[int]:
    return (start for _, start, _ in png_chunks(data))


def _webp(data: bytes) -> Iterator[int]:
    yield 20  # before that nobody knows that it is a picture
    position = 12
    while position < len(data):
        if position > 12:
            yield position
        position += 8 + int.from_bytes(data[position + 4 : position + 8], "little")
        position += position % 2


def _boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[int]:
    end = len(data) if end is None else end
    while start < end:
        kind = data[start + 4 : start + 8]
        length = int.from_bytes(data[start : start + 4])
        if kind != b"ftyp":  # with half of which nobody knows that it is a picture
            yield start
        if kind in _BOXES_INSIDE:
            yield from _boxes(data, start + _BOXES_INSIDE[kind], start + length)
        start += length


def _gif(data: bytes) -> Iterator[int]:
    table = 13 + 3 * (2 << (data[10] & 7))
    image = data.index(b",", table)
    yield from (6, 10, 13, 100, table, image, image + 5, image + 11, image + 40)
    yield from (len(data) // 2, len(data) - 3)


def _bmp(data: bytes) -> Iterator[int]:
    yield from (18, 22, 26, 30, 50, 54, 57, len(data) // 2, len(data) - 4)


_PLACES: dict[str, Callable[[bytes], Iterator[int]]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WebP": _webp,
    "AVIF": _boxes,
    "GIF": _gif,
    "BMP": _bmp,
}
