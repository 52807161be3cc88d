"""From a decoded picture to the square that the model sees: sizes and resizing only."""

import cv2
import numpy as np
import numpy.typing as npt

from lookalike.picture.contract import PictureContract
from lookalike.picture.header import Size

WHITE = 255


def target_size(size: Size, contract: PictureContract) -> Size:
    """Give the size that an upright picture of ``size`` takes inside the square.

    ``pad`` makes the longer side S and the other ``max(1, S · short / long)``, half up.
    """
    side = contract.size
    if contract.fit == "stretch":
        return Size(side, side)
    longest = max(size)
    return Size(*(max(1, (2 * side * length + longest) // (2 * longest)) for length in size))


def resized(pixels: npt.NDArray[np.uint8], target: Size) -> npt.NDArray[np.uint8]:
    """Resize ``uint8[h, w]`` or ``uint8[h, w, c]``: first shrink by area, then enlarge linearly.

    Doing them one after the other matters for a picture that shrinks one way and grows
    the other (1 by 65,535, stretched): OpenCV's area averaging is one only where both sides
    shrink. INTER_LINEAR_EXACT gives equal bits on every processor.
    """
    height, width = pixels.shape[:2]
    smaller = Size(min(width, target.width), min(height, target.height))
    if smaller != (width, height):
        pixels = _as_bytes(cv2.resize(pixels, smaller, interpolation=cv2.INTER_AREA))
    if smaller != target:
        pixels = _as_bytes(cv2.resize(pixels, target, interpolation=cv2.INTER_LINEAR_EXACT))
    return pixels


def centred(
    pixels: npt.NDArray[np.uint8], side: int, out: npt.NDArray[np.uint8] | None = None
) -> npt.NDArray[np.uint8]:
    """Lay ``uint8[h, w, 3]`` in the middle of a white square; an odd pixel goes right or below.

    The square is ``out``, ``uint8[side, side, 3]``, where there is one.
    """
    height, width = pixels.shape[:2]
    square = np.empty((side, side, pixels.shape[2]), np.uint8) if out is None else out
    top, left = (side - height) // 2, (side - width) // 2
    bottom, right = top + height, left + width
    square[:top] = square[bottom:] = WHITE
    square[top:bottom, :left] = square[top:bottom, right:] = WHITE
    square[top:bottom, left:right] = pixels
    return square


def _as_bytes(pixels: cv2.typing.MatLike) -> npt.NDArray[np.uint8]:
    return pixels.astype(np.uint8, copy=False)
