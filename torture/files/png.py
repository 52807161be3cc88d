"""PNGs, chunk by chunk (W3C PNG, third edition)."""

import struct
import zlib
from collections.abc import Iterator, Sequence

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIECE = bytes(1 << 20)
_ADLER = 65_521


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Write a chunk with its length and its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int,
    height: int,
    bits: int,
    kind: int,
    rows: bytes,
    *,
    before: Sequence[tuple[bytes, bytes]] = (),
    after: Sequence[tuple[bytes, bytes]] = (),
    deflated: bytes | None = None,
    interlace: int = 0,
) -> bytes:
    """Write a PNG of raw rows, with chunks before and after IDAT.

    Args:
        width: in pixels.
        height: in pixels.
        bits: a sample.
        kind: the colour type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
        rows: the pixels, filter bytes included.
        before: type and body of chunks between IHDR and IDAT.
        after: type and body of chunks between IDAT and IEND.
        deflated: the body of IDAT, in place of rows.
        interlace: 1 for Adam7.
    """
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlace)
    pixels = zlib.compress(rows) if deflated is None else deflated
    chunks = [(b"IHDR", header), *before, (b"IDAT", pixels), *after, (b"IEND", b"")]
    return SIGNATURE + b"".join(png_chunk(*chunk) for chunk in chunks)


def deflated_zeros(count: int) -> bytes:
    """Compress ``count`` zero bytes to a thousandth of them, without having them at once.

    After a full flush deflate starts anew, so that one piece's code can be repeated.
    """
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    piece = deflater.compress(_PIECE) + deflater.flush(zlib.Z_FULL_FLUSH)
    rest = deflater.compress(bytes(count % len(_PIECE))) + deflater.flush()
    adler = (count % _ADLER) << 16 | 1  # RFC 1950, of zeros
    return b"\x78\xda" + piece * (count // len(_PIECE)) + rest + struct.pack(">I", adler)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give the type of each chunk, where it begins and where it ends."""
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        end = position + 12 + length
        yield data[position + 4 : position + 8], position, end
        position = end


def with_right_checksums(data: bytes) -> bytes:
    """Make each chunk's checksum right, so that libpng reads on."""
    new = bytearray(data)
    for _, start, end in png_chunks(data):
        if end <= len(new):
            new[end - 4 : end] = struct.pack(">I", zlib.crc32(new[start + 4 : end - 4]))
    return bytes(new)
