"""PNG's chunks, from IHDR to IEND (W3C PNG, third edition); nothing is inflated here.

Only the chunks that make pixels go on to the decoder: no text, profile or animation
chunk reaches it, however large it would become.
"""

import zlib
from dataclasses import dataclass, field
from functools import partial

from lookalike.errors import UnsupportedFormat
from lookalike.picture.cursor import corrupt, counted, cut, sized, take, truncated, unpack
from lookalike.picture.exif import orientation_of
from lookalike.picture.header import UPRIGHT, ParsedPicture, PictureHeader, Size
from lookalike.picture.png_inflation import check_inflation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6
_DEPTHS = {  # W3C PNG, table 11.1
    _GREY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GREY_ALPHA: (8, 16),
    _RGB_ALPHA: (8, 16),
}
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGB_ALPHA: 4}
_IHDR_BYTES = 13


@dataclass
class _Walk:
    kept: list[tuple[int, int]] = field(default_factory=list)
    ihdr: bytes = b""
    transparency: bytes = b""
    pixels: list[tuple[int, int]] = field(default_factory=list)
    animated: bool = False
    orientation: int = UPRIGHT


def parse_png(data: bytes) -> ParsedPicture:
    """Read a PNG's chunks up to IEND; of an animated one, the picture that a PNG reader shows."""
    walk, position = _Walk(), len(SIGNATURE)
    for _ in counted("PNG"):
        (length,) = unpack(">I", data, position, "PNG")
        kind = take(data, position + 4, 4, "PNG")
        end = position + 12 + length
        if end > len(data):
            raise truncated("PNG")
        if kind == b"IDAT" and walk.ihdr:
            walk.pixels.append((position + 8, end - 4))
        else:
            _read_chunk(kind, data[position + 8 : end], walk)
        if kind in _KEPT:
            walk.kept.append((position, end))
        if kind == b"IEND":
            break
        position = end
    if not walk.pixels:
        raise corrupt("PNG", "it has no IDAT chunk")
    return _finish(data, walk)


def _read_chunk(kind: bytes, rest: bytes, walk: _Walk) -> None:
    """Note a chunk, given its body and its checksum."""
    body = rest[:-4]
    if not walk.ihdr:
        _check_first(kind, body)
        walk.ihdr = body
    if kind in _KEPT and zlib.crc32(kind + body) != int.from_bytes(rest[-4:]):
        raise corrupt("PNG", f"the checksum of {kind.decode()} is wrong")
    if kind == b"eXIf":
        walk.orientation = orientation_of(body)
    elif kind == b"acTL":
        walk.animated = True
    elif kind == b"tRNS":
        walk.transparency = body


def _check_first(kind: bytes, body: bytes) -> None:
    if kind == b"CgBI":
        raise UnsupportedFormat(
            "The PNG is an Xcode-optimised one (CgBI), which is not read: send the original."
        )
    if kind != b"IHDR" or len(body) != _IHDR_BYTES:
        raise corrupt("PNG", "it does not begin with IHDR")


def _finish(data: bytes, walk: _Walk) -> ParsedPicture:
    width, height, bits, kind, compression, filtering, interlace = unpack(
        ">IIBBBBB", walk.ihdr, 0, "PNG"
    )
    size = sized(width, height, "PNG")
    if bits not in _DEPTHS.get(kind, ()) or compression or filtering or interlace > 1:
        raise corrupt("PNG", "its IHDR is not valid")
    raw_bytes = _raw_bytes(size, kind, bits) * (1 + interlace)
    alpha = kind in (_GREY_ALPHA, _RGB_ALPHA) or bool(walk.transparency)
    key = kind == _GREY and len(walk.transparency) == 2
    header = PictureHeader(
        format="PNG",
        width=size.width,
        height=size.height,
        channels=1 if kind == _GREY else 4 if alpha else 3,
        bits=max(bits, 8),
        alpha=alpha,
        animated=walk.animated,
        progressive=bool(interlace),
        orientation=walk.orientation,
    )
    grey = _eight_bits_at_least(int.from_bytes(walk.transparency), bits) if key else None
    return ParsedPicture(
        header=header,
        stream=cut(SIGNATURE, data, walk.kept),
        transparent_grey=grey,
        check=partial(check_inflation, data, walk.pixels, raw_bytes),
    )


def _raw_bytes(size: Size, kind: int, bits: int) -> int:
    """Bytes of all rows, each with its filter byte (interlaced, less than twice as many)."""
    row = 1 + (size.width * _SAMPLES[kind] * bits + 7) // 8
    return row * size.height


def _eight_bits_at_least(grey: int, bits: int) -> int:
    """Widen a grey of 1, 2 or 4 bits to 8, as libpng widens the pixels."""
    highest = (1 << bits) - 1
    return (grey & highest) * 255 // highest if bits < 8 else grey & highest
