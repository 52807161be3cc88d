"""JPEG's segments, from SOI to EOI (ITU-T T.81, annex B); entropy-coded data is skipped.

OpenCV fills the missing rows of a cut-off JPEG and says nothing, so the end is looked
for here; a progressive JPEG's scans and coefficients are counted on the way.
"""

import re
from dataclasses import dataclass, field

from lookalike.errors import PictureTooLarge, UnsupportedFormat
from lookalike.picture import exif
from lookalike.picture.cursor import corrupt, counted, cut, sized, take, truncated, unpack
from lookalike.picture.header import UPRIGHT, ParsedPicture, PictureHeader, Size

# Every scan walks over every coefficient, however few bytes it has: 0.4 s for each
# 1,000 MB, so that a small file could keep the decoder busy for minutes. Encoders write
# about 10 scans, and a 100-megapixel grey picture has 200 MB of coefficients.
USUAL_SCANS = 20
MAX_SCANS = 100
MAX_SCANNED_BYTES = 5_000_000_000
# A single scan is walked over too, at the speed of 3,000 MB of blocks a second, and libjpeg
# makes up those that the file has no bytes for: a file of 150 can say 65,500 by 65,500 pixels.
MAX_SINGLE_SCAN_BYTES = 2_500_000_000

# An empty comment after SOI: OpenCV asks libavif before libjpeg, which takes a JPEG that
# goes on with a segment of 0x6674 bytes, "ft", that begins "yp" for its own.
_START = b"\xff\xd8\xff\xfe\0\2"

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APP0, _APP1, _APP14 = 0xE0, 0xE1, 0xEE
_APPS = range(0xE0, 0xF0)
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_UNREAD_FRAMES = "lossless, hierarchical or arithmetic-coded"
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_MARKER_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither stuffing nor RSTn
_BLOCK = 8
_COEFFICIENT_BYTES = _BLOCK * _BLOCK * 2  # libjpeg's JCOEF is a short


@dataclass
class _Walk:
    """What the segments seen so far amount to."""

    kept: list[tuple[int, int]] = field(default_factory=list)
    size: Size | None = None
    sampling: list[tuple[int, int]] = field(default_factory=list)
    progressive: bool = False
    multiple: bool = False
    scans: int = 0
    orientation: int = UPRIGHT


def parse_jpeg(data: bytes) -> ParsedPicture:
    """Read a JPEG's segments up to EOI; what comes after is left out."""
    walk, position = _Walk(), 2
    for _ in counted("JPEG"):
        found = _MARKER.search(data, position)
        if found is None:
            raise truncated("JPEG")
        marker, position = data[found.start() + 1], found.end()
        if marker == _EOI:
            walk.kept.append((position - 2, position))
            break
        if marker == _SOI:
            raise corrupt("JPEG", "one picture begins inside another")
        if marker not in _STANDALONE:
            position = _read_segment(data, marker, position, walk)
    return _finish(data, walk)


def _read_segment(data: bytes, marker: int, position: int, walk: _Walk) -> int:
    """Note one segment and give the position after it (after its data, for a scan)."""
    (length,) = unpack(">H", data, position, "JPEG")
    if length < 2:
        raise corrupt("JPEG", f"a segment is {length} bytes long")
    body = take(data, position + 2, length - 2, "JPEG")
    end = position + length
    if marker in _FRAMES:
        _read_frame(body, marker, walk)
    elif marker == _SOS:
        _read_scan(body, walk)
        found = _MARKER_AFTER_SCAN.search(data, end)
        if found is None:
            raise truncated("JPEG")
        end = found.start()
    elif marker == _APP1 and body.startswith(exif.PREFIX) and walk.orientation == UPRIGHT:
        walk.orientation = exif.orientation_of(body)
    if _matters(marker, body):
        walk.kept.append((position - 2, end))
    return end


def _matters(marker: int, body: bytes) -> bool:
    """Keep what libjpeg decodes by: of APPn only JFIF and Adobe, which tell the colours."""
    if marker == _COM or marker in _APPS:
        return (marker == _APP0 and body.startswith(b"JFIF\0")) or (
            marker == _APP14 and body.startswith(b"Adobe")
        )
    return True


def _read_frame(body: bytes, marker: int, walk: _Walk) -> None:
    if walk.size is not None:
        raise corrupt("JPEG", "it has two frame headers")
    if marker not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
        raise UnsupportedFormat(
            f"The JPEG is {_UNREAD_FRAMES}, which is not read: save it as a plain JPEG."
        )
    bits, height, width, count = unpack(">BHHB", body, 0, "JPEG")
    if bits != 8:
        raise UnsupportedFormat(f"The JPEG has {bits} bits a channel: save it with 8.")
    walk.size = sized(width, height, "JPEG")
    if count not in (1, 3, 4):
        raise UnsupportedFormat(f"The JPEG has {count} channels: save it as RGB.")
    components = take(body, 6, 3 * count, "JPEG")
    walk.sampling = [(factor >> 4, factor & 15) for factor in components[1::3]]
    if not all(1 <= side <= 4 for factor in walk.sampling for side in factor):
        raise corrupt("JPEG", "a sampling factor is not 1 to 4")
    walk.progressive = marker == _PROGRESSIVE


def _read_scan(body: bytes, walk: _Walk) -> None:
    if walk.size is None:
        raise corrupt("JPEG", "its pixels come before its frame header")
    (components,) = unpack(">B", body, 0, "JPEG")
    walk.multiple |= walk.progressive or components < len(walk.sampling)
    walk.scans += 1
    if walk.scans > MAX_SCANS:
        raise _too_many_scans(walk.scans)


def _finish(data: bytes, walk: _Walk) -> ParsedPicture:
    if walk.size is None or not walk.scans:
        raise corrupt("JPEG", "it ends without a picture")
    blocks = _coefficient_bytes(walk.size, walk.sampling)
    if not walk.multiple and blocks > MAX_SINGLE_SCAN_BYTES:
        raise PictureTooLarge(
            f"The JPEG of {walk.size.width} by {walk.size.height} pixels takes too long to read: "
            "send a smaller one."
        )
    coefficients = blocks if walk.multiple else 0
    if walk.scans > USUAL_SCANS and coefficients * walk.scans > MAX_SCANNED_BYTES:
        raise _too_many_scans(walk.scans)
    header = PictureHeader(
        format="JPEG",
        width=walk.size.width,
        height=walk.size.height,
        channels=len(walk.sampling),
        progressive=walk.progressive,
        scans=walk.scans,
        orientation=walk.orientation,
        coefficient_bytes=coefficients,
    )
    return ParsedPicture(header=header, stream=cut(_START, data, walk.kept))


def _coefficient_bytes(size: Size, sampling: list[tuple[int, int]]) -> int:
    """Bytes of the coefficient arrays that libjpeg keeps for a JPEG of several scans.

    Each component's blocks are counted in whole MCUs, as jdcoefct.c allocates them.
    """
    widest = max(horizontal for horizontal, _ in sampling)
    tallest = max(vertical for _, vertical in sampling)
    units = -(-size.width // (_BLOCK * widest)) * -(-size.height // (_BLOCK * tallest))
    return units * sum(h * v for h, v in sampling) * _COEFFICIENT_BYTES


def _too_many_scans(scans: int) -> PictureTooLarge:
    return PictureTooLarge(
        f"The JPEG has {scans} scans or more, which take too long at its size: save it anew."
    )
