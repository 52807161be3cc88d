"""BMPs: headers, palettes, pixels."""

import struct
from collections.abc import Sequence


def bmp(
    width: int,
    height: int,
    bits: int,
    pixels: bytes,
    *,
    header_bytes: int = 40,
    compression: int = 0,
    masks: Sequence[int] = (),
    palette: bytes = b"",
) -> bytes:
    """Write a BMP; ``masks`` follow the first 40 bytes of the header, inside it or after it."""
    fields = (header_bytes, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    extra = b"".join(struct.pack("<I", mask) for mask in masks)
    extra = extra.ljust(header_bytes - 40, b"\0")
    offset = 14 + 40 + len(extra) + len(palette)
    head = b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset)
    return head + struct.pack("<IiiHHIIiiII", *fields) + extra + palette + pixels
