"""WebP's RIFF chunks (RFC 9649, section 2); of an animation, the first frame alone.

The frame goes to the decoder as a still picture of its own size, so that libwebp's
animation code, which holds three canvases, never runs.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lookalike.picture.cursor import corrupt, counted, sized, take, truncated, unpack
from lookalike.picture.exif import orientation_of
from lookalike.picture.header import UPRIGHT, Frame, ParsedPicture, PictureHeader, Size

_ALPHA_FLAG = 0x10
_SHORTEST = 32  # OpenCV reads a header of this many bytes


@dataclass(frozen=True)
class _Bitstream:
    """The chunks of one frame, and what the codec's own header says of it."""

    kind: bytes
    body: bytes
    alpha_chunk: bytes | None
    size: Size
    alpha: bool


def parse_webp(data: bytes) -> ParsedPicture:
    """Read a WebP's chunks as far as its RIFF header says that they go."""
    (riff,) = unpack("<I", data, 4, "WebP")
    chunks = dict(_first_of_each(take(data, 12, riff - 4, "WebP")))
    extended = chunks.get(b"VP8X")
    animation = chunks.get(b"ANMF")
    if extended is not None and animation is not None:
        frame, bitstream = _first_frame(animation)
        canvas = _canvas(extended)
        if frame.left + frame.size.width > canvas.width:
            raise corrupt("WebP", "its first frame is outside its canvas")
        if frame.top + frame.size.height > canvas.height:
            raise corrupt("WebP", "its first frame is outside its canvas")
    else:
        frame, bitstream = None, _bitstream(chunks)
        canvas = bitstream.size if extended is None else _canvas(extended)
        if canvas != bitstream.size:
            raise corrupt("WebP", "its canvas and its picture differ in size")
    header = PictureHeader(
        format="WebP",
        width=canvas.width,
        height=canvas.height,
        channels=4 if bitstream.alpha else 3,
        alpha=bitstream.alpha,
        animated=frame is not None,
        orientation=orientation_of(chunks[b"EXIF"]) if b"EXIF" in chunks else UPRIGHT,
        coded_pixels=bitstream.size.area,
    )
    return ParsedPicture(header=header, stream=_still(bitstream), frame=frame)


def _first_of_each(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the chunks in reverse order, so that a ``dict`` keeps the first of each kind."""
    found, position = [], 0
    for _ in counted("WebP"):
        if position + 8 > len(body):
            break
        kind, (length,) = body[position : position + 4], unpack("<I", body, position + 4, "WebP")
        found.append((kind, take(body, position + 8, length, "WebP")))
        position += 8 + length + length % 2
    return reversed(found)


def _canvas(extended: bytes) -> Size:
    take(extended, 0, 10, "WebP")
    return Size(_int24(extended, 4) + 1, _int24(extended, 7) + 1)


def _first_frame(animation: bytes) -> tuple[Frame, _Bitstream]:
    take(animation, 0, 16, "WebP")
    left, top = 2 * _int24(animation, 0), 2 * _int24(animation, 3)
    size = Size(_int24(animation, 6) + 1, _int24(animation, 9) + 1)
    bitstream = _bitstream(dict(_first_of_each(animation[16:])))
    if bitstream.size != size:
        raise corrupt("WebP", "its first frame is of another size than it says")
    return Frame(left=left, top=top, size=size), bitstream


def _bitstream(chunks: dict[bytes, bytes]) -> _Bitstream:
    if b"VP8 " in chunks:
        body, alpha = chunks[b"VP8 "], chunks.get(b"ALPH")
        return _Bitstream(b"VP8 ", body, alpha, _lossy_size(body), alpha is not None)
    if b"VP8L" in chunks:
        body = chunks[b"VP8L"]
        signature, bits = unpack("<BI", body, 0, "WebP")
        if signature != 0x2F:
            raise corrupt("WebP", "its VP8L signature is wrong")
        size = Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        return _Bitstream(b"VP8L", body, None, size, bool(bits >> 28 & 1))
    raise truncated("WebP")


def _lossy_size(body: bytes) -> Size:
    """Size in a VP8 key frame's header (RFC 6386, 9.1)."""
    take(body, 0, 10, "WebP")
    if body[0] & 1 or body[3:6] != b"\x9d\x01\x2a":
        raise corrupt("WebP", "it does not begin with a key frame")
    width, height = struct.unpack_from("<HH", body, 6)
    return sized(width & 0x3FFF, height & 0x3FFF, "WebP")


def _still(bitstream: _Bitstream) -> bytes:
    """Write the frame as a WebP of its own."""
    chunks = _chunk(bitstream.kind, bitstream.body)
    if bitstream.alpha_chunk is not None:
        extended = bytes((_ALPHA_FLAG, 0, 0, 0))
        extended += b"".join((side - 1).to_bytes(3, "little") for side in bitstream.size)
        chunks = _chunk(b"VP8X", extended) + _chunk(b"ALPH", bitstream.alpha_chunk) + chunks
    return (b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks).ljust(_SHORTEST, b"\0")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _int24(data: bytes, start: int) -> int:
    return int.from_bytes(data[start : start + 3], "little")
