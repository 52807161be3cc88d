"""PNG's chunks, from IHDR to IEND (W3C PNG, third edition); nothing is inflated here.

Only the chunks that make pixels go on to the decoder: no text, profile or animation
chunk reaches it, however large it would become.
"""

import zlib
from dataclasses import dataclass, field

from lookalike.errors import UnsupportedFormat
from lookalike.picture.cursor import corrupt, counted, sized, take, unpack
from lookalike.picture.exif import orientation_of
from lookalike.picture.header import UPRIGHT, ParsedPicture, PictureHeader

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
_IHDR_BYTES = 13


@dataclass
class _Walk:
    kept: list[bytes] = field(default_factory=lambda: [SIGNATURE])
    ihdr: bytes = b""
    transparency: bytes = b""
    pixels: bool = False
    animated: bool = False
    orientation: int = UPRIGHT


def parse_png(data: bytes) -> ParsedPicture:
    """Read a PNG's chunks up to IEND; of an animated one, the picture that a PNG reader shows."""
    walk, position = _Walk(), len(SIGNATURE)
    for _ in counted("PNG"):
        (length,) = unpack(">I", data, position, "PNG")
        chunk = take(data, position, 12 + length, "PNG")
        _read_chunk(chunk, walk)
        position += len(chunk)
        if chunk[4:8] == b"IEND":
            break
    if not walk.pixels:
        raise corrupt("PNG", "it has no IDAT chunk")
    return _finish(walk)


def _read_chunk(chunk: bytes, walk: _Walk) -> None:
    kind, body = chunk[4:8], chunk[8:-4]
    if not walk.ihdr:
        _check_first(kind, body)
        walk.ihdr = body
    if kind == b"IDAT":
        walk.pixels = True
    elif kind in _KEPT and zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:]):
        raise corrupt("PNG", f"the checksum of {kind.decode()} is wrong")
    if kind == b"eXIf":
        walk.orientation = orientation_of(body)
    elif kind == b"acTL":
        walk.animated = True
    elif kind == b"tRNS":
        walk.transparency = body
    if kind in _KEPT and not (kind == b"tRNS" and walk.ihdr[9] == _GREY):
        walk.kept.append(chunk)  # OpenCV drops a grey key: it is applied here instead


def _check_first(kind: bytes, body: bytes) -> None:
    if kind == b"CgBI":
        raise UnsupportedFormat(
            "The PNG is an Xcode-optimised one (CgBI), which is not read: send the original."
        )
    if kind != b"IHDR" or len(body) != _IHDR_BYTES:
        raise corrupt("PNG", "it does not begin with IHDR")


def _finish(walk: _Walk) -> ParsedPicture:
    width, height, bits, kind, compression, filtering, interlace = unpack(
        ">IIBBBBB", walk.ihdr, 0, "PNG"
    )
    size = sized(width, height, "PNG")
    if bits not in _DEPTHS.get(kind, ()) or compression or filtering or interlace > 1:
        raise corrupt("PNG", "its IHDR is not valid")
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
    return ParsedPicture(header=header, stream=b"".join(walk.kept), transparent_grey=grey)


def _eight_bits_at_least(grey: int, bits: int) -> int:
    """Widen a grey of 1, 2 or 4 bits to 8, as libpng widens the pixels."""
    highest = (1 << bits) - 1
    return (grey & highest) * 255 // highest if bits < 8 else grey & highest
