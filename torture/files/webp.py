"""WebPs, chunk by chunk (RFC 9649)."""

import struct

_ANIMATION_FLAG = b"\x02\0\0\0"


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    """Write a chunk with its length, padded to an even one."""
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    """Write the container around chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def canvas(width: int, height: int) -> bytes:
    """Write a size as VP8X and ANMF have it: three bytes a side, less one."""
    return (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def lossless_header(width: int, height: int) -> bytes:
    """Write the beginning of a VP8L bitstream, without alpha."""
    return struct.pack("<BI", 0x2F, (width - 1) | (height - 1) << 14)


def lossy_header(width: int, height: int) -> bytes:
    """Write the beginning of a VP8 key frame."""
    return b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)


def size_of(data: bytes) -> tuple[int, int]:
    """Read width and height of a plain WebP."""
    if data[12:16] == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width, height
    (bits,) = struct.unpack("<I", data[21:25])
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def animated_webp(size: tuple[int, int], left: int, top: int, frame: bytes) -> bytes:
    """Write an animation of ``size`` whose first frame is the plain WebP ``frame`` at a place."""
    extended = _ANIMATION_FLAG + canvas(*size)
    place = (left // 2).to_bytes(3, "little") + (top // 2).to_bytes(3, "little")
    head = place + canvas(*size_of(frame)) + (100).to_bytes(3, "little") + b"\0"
    return riff(
        webp_chunk(b"VP8X", extended),
        webp_chunk(b"ANIM", bytes(6)),
        webp_chunk(b"ANMF", head + frame[12:]),
    )
