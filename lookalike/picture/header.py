"""What a picture's header says, before a single pixel is decoded.

These are values only: the parsers of each format make them, ``memory`` and ``pixels``
use them, and nothing here looks at bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Format = Literal["AVIF", "BMP", "GIF", "JPEG", "PNG", "WebP"]
UPRIGHT = 1
TURNED = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def area(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    def turned(self, orientation: int) -> "Size":
        """Size of the same picture once ``orientation`` (EXIF 1 to 8) is applied."""
        return Size(self.height, self.width) if orientation in TURNED else self


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureHeader:
    """Facts about a picture, from its container alone.

    Attributes:
        format: the format, by signature.
        width: pixels a row as stored, before the orientation is applied.
        height: rows as stored.
        channels: channels that the decoder gives: 1, 3 or 4 (4 with alpha; a palette
            counts as 3, CMYK as 4).
        bits: bits a channel, 8 or more; a palette and smaller depths count as 8.
        alpha: some pixels may be transparent.
        animated: there are further frames, which are not read.
        progressive: a progressive JPEG or an interlaced PNG or GIF.
        scans: scans of a JPEG; 1 for every other format.
        orientation: EXIF orientation, 1 to 8 (TIFF 6.0, tag 274); of AVIF, what its
            ``irot`` and ``imir`` amount to.
        coefficient_bytes: bytes of DCT coefficients that a JPEG of several scans keeps.
        coded_pixels: pixels that the codec itself holds at once, where that is not the
            picture's own area: tiles, alpha plane and coded size of an AVIF, the
            frame of a GIF or an animated WebP.
    """

    format: Format
    width: int
    height: int
    channels: int
    bits: int = 8
    alpha: bool = False
    animated: bool = False
    progressive: bool = False
    scans: int = 1
    orientation: int = UPRIGHT
    coefficient_bytes: int = 0
    coded_pixels: int = 0

    @property
    def size(self) -> Size:
        """Width and height as stored."""
        return Size(self.width, self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a GIF's or an animated WebP's first frame lies on its canvas, in pixels."""

    left: int
    top: int
    size: Size


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPicture:
    """A header, and the least bytes that its decoder needs for the first picture.

    Attributes:
        header: the facts.
        stream: the container written anew without metadata, further frames and what
            trails the picture, so that no decoder sees them.
        frame: where the decoded pixels go, if not on the whole canvas.
        transparent_grey: the stored grey value that means "transparent" (PNG tRNS).
        video_range: the decoder leaves greys in 16 to 235 (8 bits) that mean 0 to 255.
        check: what takes time to look at, for after the limits; raises a PictureError.
    """

    header: PictureHeader
    stream: bytes
    frame: Frame | None = None
    transparent_grey: int | None = None
    video_range: bool = False
    check: Callable[[], None] | None = None
