"""From a container's stream to opaque 8-bit pixels, by OpenCV's decoder of its format.

Alpha and depth are ours to deal with: OpenCV drops alpha unless it decodes unchanged.
Both are worked through in strips of rows, so that no second full picture is held.
"""

from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from lookalike.picture.cursor import corrupt
from lookalike.picture.fit import WHITE
from lookalike.picture.header import Frame, ParsedPicture, Size
from lookalike.picture.memory import reduced_size

Pixels = npt.NDArray[np.uint8 | np.uint16]

_STRIP_PIXELS = 1 << 18
_REDUCED = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}

# Damage is told by an error; OpenCV would say it again on standard error.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(parsed: ParsedPicture, reduction: int = 1) -> npt.NDArray[np.uint8]:
    """Decode to ``uint8[h, w]`` grey, ``uint8[h, w, 3]`` BGR or ``uint8[h, w, 4]`` BGR and unused.

    Args:
        parsed: the picture.
        reduction: 1, 2, 4 or 8; other than 1 only for a JPEG.

    Raises:
        CorruptPicture: the decoder cannot make a picture of the stream.
    """
    pixels = _opaque(_decode_stream(parsed, reduction), parsed)
    return pixels if parsed.frame is None else _on_canvas(pixels, parsed.header.size, parsed.frame)


def _decode_stream(parsed: ParsedPicture, reduction: int) -> Pixels:
    flags = cv2.IMREAD_UNCHANGED
    if parsed.header.format == "JPEG":
        flags = _REDUCED[reduction] | cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = _imdecode(np.frombuffer(parsed.stream, np.uint8), flags)
    except cv2.error as error:
        raise corrupt(parsed.header.format, "its decoder fails") from error
    if pixels is None:
        raise corrupt(parsed.header.format, "its decoder cannot read it")
    coded = parsed.frame.size if parsed.frame else reduced_size(parsed.header.size, reduction)
    if pixels.shape[:2] != (coded.height, coded.width):
        raise corrupt(parsed.header.format, "its header and its pixels differ in size")
    return pixels


def _imdecode(stream: npt.NDArray[np.uint8], flags: int) -> Pixels | None:
    """Call OpenCV, whose type stubs leave out that it gives None."""
    return cast("Pixels | None", cv2.imdecode(stream, flags))


def _opaque(decoded: Pixels, parsed: ParsedPicture) -> npt.NDArray[np.uint8]:
    """Bring pixels to 8 bits and lay them on white, in place where they have 8 bits already."""
    if decoded.dtype == np.uint8:
        pixels = decoded.astype(np.uint8, copy=False)
        if not (parsed.header.alpha or parsed.video_range):
            return pixels
    else:
        pixels = np.empty(decoded.shape, np.uint8)
    highest = (1 << parsed.header.bits) - 1
    for rows in _strips(decoded):
        strip = _on_white(decoded[rows], parsed, highest)
        pixels[rows] = _eight_bits(strip, parsed, highest)
    return pixels


def _strips(pixels: Pixels) -> Iterator[slice]:
    height, width = pixels.shape[:2]
    step = max(1, _STRIP_PIXELS // width)
    return (slice(start, start + step) for start in range(0, height, step))


def _on_white(strip: Pixels, parsed: ParsedPicture, highest: int) -> Pixels:
    """Composite: white - (white - colour) · alpha / white, rounded to nearest.

    No product of 8-bit values is a tie (255 is odd), so the rounding is exact.
    """
    if parsed.transparent_grey is not None:
        return np.where(strip == parsed.transparent_grey, strip.dtype.type(highest), strip)
    if not parsed.header.alpha or strip.ndim == 2 or strip.shape[2] != 4:
        return strip
    white = np.full((*strip.shape[:2], 3), highest, strip.dtype)
    alpha = cv2.cvtColor(cv2.extractChannel(strip, 3), cv2.COLOR_GRAY2BGR)
    darkness = cv2.subtract(white, cv2.cvtColor(strip, cv2.COLOR_BGRA2BGR))
    colours = cv2.subtract(white, cv2.multiply(darkness, alpha, scale=1 / highest))
    return cast("Pixels", cv2.cvtColor(colours, cv2.COLOR_BGR2BGRA))


def _eight_bits(strip: Pixels, parsed: ParsedPicture, highest: int) -> npt.NDArray[np.uint8]:
    """Scale to 0 to 255, rounded to nearest; video range (BT.601: 16 to 235 of 255) is widened."""
    if parsed.video_range:
        unit = (highest + 1) // 256
        strip = np.maximum(strip, 16 * unit) - 16 * unit
        return cv2.convertScaleAbs(strip, alpha=255 / (219 * unit)).astype(np.uint8, copy=False)
    if strip.dtype == np.uint8:
        return strip.astype(np.uint8, copy=False)
    return cv2.convertScaleAbs(strip, alpha=255 / highest).astype(np.uint8, copy=False)


def _on_canvas(pixels: npt.NDArray[np.uint8], size: Size, frame: Frame) -> npt.NDArray[np.uint8]:
    """Lay a frame on a white canvas."""
    canvas = np.full((size.height, size.width, *pixels.shape[2:]), WHITE, np.uint8)
    height, width = pixels.shape[:2]
    canvas[frame.top : frame.top + height, frame.left : frame.left + width] = pixels
    return canvas
