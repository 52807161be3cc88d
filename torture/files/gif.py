"""GIFs, block by block (GIF89a)."""

import struct
from collections.abc import Sequence

from torture.files.pixels import BLUE, GREEN, RED, YELLOW


def gif(
    screen: tuple[int, int],
    place: tuple[int, int, int, int],
    indices: Sequence[int],
    *,
    transparent: int | None = None,
    tail: bytes = b";",
) -> bytes:
    """Write a GIF of four colours (red, green, blue, yellow) whose LZW data never compresses."""
    control = b""
    if transparent is not None:
        control = b"\x21\xf9\x04" + struct.pack("<BHBB", 1, 0, transparent, 0)
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x81, 0, 0)
    table = bytes(RED + GREEN + BLUE + YELLOW)
    image = b"," + struct.pack("<HHHHB", *place, 0)
    return head + table + control + image + lzw_blocks(indices) + tail


def lzw_blocks(indices: Sequence[int]) -> bytes:
    """Write codes of 3 bits, with a clear code (4) before each pair of pixels and 5 at the end."""
    codes = [
        code for start in range(0, len(indices), 2) for code in (4, *indices[start : start + 2])
    ]
    bits = sum(code << 3 * place for place, code in enumerate([*codes, 5]))
    data = bits.to_bytes(-(-3 * (len(codes) + 1) // 8), "little")
    return b"\x02" + sub_blocks(data)


def sub_blocks(data: bytes) -> bytes:
    """Cut data into blocks of 255 bytes, each after its length, and end them."""
    pieces = [data[start : start + 255] for start in range(0, len(data), 255)]
    return b"".join(bytes((len(piece),)) + piece for piece in pieces) + b"\0"
