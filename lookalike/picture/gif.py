"""GIF's blocks up to the end of the first image (GIF89a, section 20); no LZW is decoded.

The first image goes on as a GIF of its own size, so that OpenCV neither allocates the
screen nor walks the other frames.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lookalike.picture.cursor import corrupt, counted, sized, take, unpack
from lookalike.picture.gif_lzw import check_clear_codes
from lookalike.picture.header import Frame, ParsedPicture, PictureHeader, Size

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL = 0xF9
_TABLE, _INTERLACED = 0x80, 0x40
_TRANSPARENT = 1


@dataclass(frozen=True)
class _Image:
    """One image block: its place on the screen, and where its LZW data lies in the file."""

    frame: Frame
    flags: int
    table: bytes
    start: int
    end: int


def parse_gif(data: bytes) -> ParsedPicture:
    """Read a GIF as far as its first image; the next one is only looked for."""
    width, height, flags = unpack("<HHB", data, 6, "GIF")
    table, position = _colour_table(data, 13, flags)
    parts = counted("GIF")
    transparent, position = _skip_extensions(data, position, parts)
    image = _read_image(data, position, parts)
    frame = image.frame
    canvas = Size(  # as browsers do, where the first image is larger than the screen
        max(width, frame.left + frame.size.width), max(height, frame.top + frame.size.height)
    )
    covers = frame.size == canvas
    header = PictureHeader(
        format="GIF",
        width=canvas.width,
        height=canvas.height,
        channels=4 if transparent is not None else 3,
        alpha=transparent is not None,
        animated=_another_image(data, image.end, parts),
        progressive=bool(image.flags & _INTERLACED),
        coded_pixels=frame.size.area,
    )
    stream = _still(data, image, image.table or table, transparent)
    return ParsedPicture(header=header, stream=stream, frame=None if covers else frame)


def _colour_table(data: bytes, position: int, flags: int) -> tuple[bytes, int]:
    length = 3 * (2 << (flags & 7)) if flags & _TABLE else 0
    return take(data, position, length, "GIF"), position + length


def _skip_extensions(data: bytes, position: int, parts: Iterator[int]) -> tuple[int | None, int]:
    """Give the transparent colour's index, if any, and the position of the next block."""
    transparent = None
    for _ in parts:
        if take(data, position, 1, "GIF")[0] != _EXTENSION:
            break
        (kind,) = take(data, position + 1, 1, "GIF")
        if kind == _GRAPHIC_CONTROL:
            length, flags, _delay, index = unpack("<BBHB", data, position + 2, "GIF")
            transparent = index if length == 4 and flags & _TRANSPARENT else None
        position = _skip_blocks(data, position + 2, parts)
    return transparent, position


def _skip_blocks(
    data: bytes,
    position: int,
    parts: Iterator[int],
    keep: Callable[[bytes], None] | None = None,
) -> int:
    """Give the position after a chain of sub-blocks; pass each one's bytes to ``keep``."""
    for _ in parts:
        (length,) = take(data, position, 1, "GIF")
        body = take(data, position + 1, length, "GIF")
        position += 1 + length
        if not length:
            break
        if keep is not None:
            keep(body)
    return position


def _read_image(data: bytes, position: int, parts: Iterator[int]) -> _Image:
    if take(data, position, 1, "GIF")[0] != _IMAGE:
        raise corrupt("GIF", "it has no image")
    left, top, width, height, flags = unpack("<HHHHB", data, position + 1, "GIF")
    size = sized(width, height, "GIF")
    table, position = _colour_table(data, position + 10, flags)
    start, blocks = position, list[bytes]()
    (code_bits,) = take(data, start, 1, "GIF")
    end = _skip_blocks(data, start + 1, parts, blocks.append)
    check_clear_codes(b"".join(blocks), code_bits, size.area)
    return _Image(Frame(left=left, top=top, size=size), flags, table, start, end)


def _another_image(data: bytes, position: int, parts: Iterator[int]) -> bool:
    """Look for a second image as far as the file goes; it does not matter where that breaks."""
    while data[position : position + 1] == bytes((_EXTENSION,)):
        next(parts)
        position += 2
        while position < len(data) and data[position]:
            next(parts)
            position += 1 + data[position]
        position += 1
    return data[position : position + 1] == bytes((_IMAGE,))


def _still(data: bytes, image: _Image, table: bytes, transparent: int | None) -> bytes:
    """Write the image as a GIF of its own, with the table that it uses as the global one."""
    size = struct.pack("<HH", *image.frame.size)
    flags = _TABLE | (len(table) // 3).bit_length() - 2 if table else 0
    control = b""
    if transparent is not None:
        control = bytes((_EXTENSION, _GRAPHIC_CONTROL, 4, _TRANSPARENT, 0, 0, transparent, 0))
    descriptor = bytes((_IMAGE, 0, 0, 0, 0)) + size + bytes((image.flags & _INTERLACED,))
    lzw = memoryview(data)[image.start : image.end]
    return b"".join((b"GIF89a", size, bytes((flags, 0, 0)), table, control, descriptor, lzw, b";"))
