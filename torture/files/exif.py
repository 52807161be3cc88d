"""EXIF blocks, and pictures that carry one."""

import struct

from lookalike.picture import Format
from torture.files.jpeg import jpeg_segment
from torture.files.png import png_chunk
from torture.files.webp import canvas, riff, size_of, webp_chunk

_EXIF_FLAG = b"\x08\0\0\0"


def exif(orientation: int, order: str = "<") -> bytes:
    """Write a TIFF header and one directory that holds the orientation."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return head + struct.pack(f"{order}IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def with_exif(data: bytes, name: Format, block: bytes) -> bytes:
    """Put an EXIF block into a JPEG, PNG or WebP."""
    if name == "JPEG":
        return data[:2] + jpeg_segment(0xE1, b"Exif\0\0" + block) + data[2:]
    if name == "PNG":
        return data[:33] + png_chunk(b"eXIf", block) + data[33:]
    extended = webp_chunk(b"VP8X", _EXIF_FLAG + canvas(*size_of(data)))
    return riff(extended, data[12:], webp_chunk(b"EXIF", block))
