"""JPEGs, segment by segment (ITU-T T.81, annex B)."""

import struct
from collections.abc import Sequence


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """Write a marker with its length and body."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def flat_jpeg(
    width: int,
    height: int,
    levels: Sequence[int] = (0,),
    *,
    frame: int = 0xC0,
    bits: int = 8,
    adobe: int | None = None,
    scans: int = 0,
) -> bytes:
    """Write a JPEG whose blocks have a DC coefficient alone: each component is one level.

    Args:
        width: in pixels.
        height: in pixels.
        levels: of each component, from the middle: -128 to 127.
        frame: the SOF marker.
        bits: a sample, as the frame header says.
        adobe: the colour transform of an Adobe marker.
        scans: further scans of a progressive picture's AC coefficients, all empty.
    """
    count = len(levels)
    parts = [b"\xff\xd8"]
    if adobe is not None:
        parts.append(jpeg_segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, adobe)))
    parts.append(jpeg_segment(0xDB, b"\0" + bytes([8] * 64)))
    components = b"".join(bytes((number + 1, 0x11, 0)) for number in range(count))
    header = struct.pack(">BHHB", bits, height, width, count)
    parts.append(jpeg_segment(frame, header + components))
    # DC: the code of 4 bits is the number of bits that follow. AC: code 0 ends a block
    # (or, in a progressive scan, 32,767 of them); nothing else comes.
    parts.append(jpeg_segment(0xC4, b"\0" + bytes([0, 0, 0, 9] + [0] * 12) + bytes(range(9))))
    ends = b"\xe0" if scans else b"\0"
    parts.append(jpeg_segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + ends))
    chosen = b"".join(bytes((number + 1, 0)) for number in range(count))
    spectrum = b"\0\0\0" if frame == 0xC2 else b"\0\x3f\0"
    parts.append(jpeg_segment(0xDA, bytes((count,)) + chosen + spectrum))
    parts.append(_entropy(width, height, levels, progressive=frame == 0xC2))
    for _ in range(scans):
        parts.append(jpeg_segment(0xDA, b"\1\1\0\1\x3f\0"))
        parts.append(bytes(-(-width // 8) * -(-height // 8) // 4096 + 16))
    return b"".join([*parts, b"\xff\xd9"])


def _entropy(width: int, height: int, levels: Sequence[int], *, progressive: bool) -> bytes:
    end = "" if progressive else "0"
    blocks = -(-width // 8) * -(-height // 8)
    first = "".join(_difference(level) + end for level in levels)
    bits = first + (_difference(0) + end) * len(levels) * (blocks - 1)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8)
    return data.replace(b"\xff", b"\xff\0")


def _difference(level: int) -> str:
    """Code a DC coefficient (T.81, F.1.2.1); quantiser 8 makes it the level itself."""
    length = abs(level).bit_length()
    value = level if level >= 0 else level + (1 << length) - 1
    return f"{length:04b}" + (f"{value:0{length}b}" if length else "")
