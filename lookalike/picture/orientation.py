"""EXIF orientations 1 to 8, as flips and transpositions of arrays (TIFF 6.0, tag 274)."""

import numpy as np
import numpy.typing as npt

from lookalike.picture.header import TURNED, Size

# Left, top, right and bottom, in pixels.
Edges = tuple[int, int, int, int]

_LEFT_RIGHT = frozenset({2, 3, 6, 7})
_TOP_BOTTOM = frozenset({3, 4, 7, 8})


def upright(pixels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """Turn ``uint8[h, w, c]`` as ``orientation`` says; gives a view."""
    if orientation in TURNED:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in _LEFT_RIGHT:
        pixels = pixels[:, ::-1]
    if orientation in _TOP_BOTTOM:
        pixels = pixels[::-1]
    return pixels


def stored_edges(upright_edges: Edges, stored: Size, orientation: int) -> Edges:
    """Find part of an upright picture in the picture as it is stored: the way back.

    Args:
        upright_edges: of the part.
        stored: size of the stored picture.
        orientation: EXIF orientation, 1 to 8.
    """
    left, top, right, bottom = upright_edges
    width, height = stored.turned(orientation)
    if orientation in _TOP_BOTTOM:
        top, bottom = height - bottom, height - top
    if orientation in _LEFT_RIGHT:
        left, right = width - right, width - left
    if orientation in TURNED:
        return top, left, bottom, right
    return left, top, right, bottom
