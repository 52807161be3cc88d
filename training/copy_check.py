"""Whether one picture is another one, compressed again, scaled or slightly cropped: by its pixels.

Pictures of one kind look alike from afar, so two things are asked: that the pictures agree as a
whole, and that their details do. Pure arithmetic.
"""

from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from lookalike.picture import PictureContract
from lookalike.picture.contract import Pixels

SIDE = 64
# Stretched, so that a crop of any proportions lies somewhere within the whole picture, and read
# larger: a JPEG that is decoded at a reduced scale differs in its finest details.
CONTRACT = PictureContract(size=3 * SIDE, fit="stretch")
# Measured by bench.near_copies (docs/benchmarks.md): hardly any other pictures have both.
LEAST_CORRELATION = 0.95
LEAST_DETAIL = 0.975
# Where a picture lies within the other is looked for in small ones; a part of at least this
# many pixels, so 17 % of a side may have been cut away.
SMALL, SMALLEST_PART = 24, 20
# Below this it is not worth while to look closer.
WORTHWHILE = 0.85
# In pixels: what is smaller is noise of a compression, what is larger is no detail.
DETAIL_SIGMAS = 1.0, 3.0
# Of the alignment by the enhanced correlation coefficient (Evangelidis and Psarakis, 2008).
STEPS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-4)
ALIGNMENT_BLUR = 5

Floats = NDArray[np.float32]


class Agreement(NamedTuple):
    """Correlation of two pictures where they fit best, from -1 to 1, and of their details.

    That of the details is 0 where the pictures do not fit.
    """

    correlation: float
    detail: float = 0.0

    @property
    def is_near_copy(self) -> bool:
        """Tell whether both are those of copies; pictures without any detail never are."""
        return self.correlation >= LEAST_CORRELATION and self.detail >= LEAST_DETAIL


def reduced(pixels: Pixels) -> Pixels:
    """Make what is compared, ``uint8[SIDE, SIDE, 3]``, of a picture read by ``CONTRACT``."""
    return _scaled(pixels, (SIDE, SIDE))


def agreement(one: Pixels, other: Pixels) -> Agreement:
    """Compare two :func:`reduced` pictures, either of which may be cut from the other."""
    small, other_small = _scaled(one, (SMALL, SMALL)), _scaled(other, (SMALL, SMALL))
    fits = _place(small, other_small), _place(other_small, small)
    (correlation, placed), whole, part = (
        (fits[0], one, other) if fits[0][0] >= fits[1][0] else (fits[1], other, one)
    )
    if correlation < WORTHWHILE:
        return Agreement(correlation)
    aligned = _aligned(whole, part, placed)
    if aligned is None:
        return Agreement(correlation)
    return Agreement(_correlation(aligned, part), _correlation(_details(aligned), _details(part)))


def _place(whole: Pixels, part: Pixels) -> tuple[float, Floats]:
    """Find a picture inside another: how well it fits, and where its pixels lie there."""
    best, found = -1.0, np.eye(2, 3, dtype=np.float32)
    for width, height in product(range(SMALLEST_PART, SMALL + 1), repeat=2):
        matched = cv2.matchTemplate(whole, _scaled(part, (width, height)), cv2.TM_CCOEFF_NORMED)
        _, correlation, _, (left, top) = cv2.minMaxLoc(matched)
        if correlation > best:
            best, found = correlation, _mapping((width, left), (height, top))
    return best, found


def _mapping(x: tuple[int, int], y: tuple[int, int]) -> Floats:
    """Map a part's pixels ``[SIDE, SIDE]`` into the whole, by its length and start in small."""
    rows = np.zeros((2, 3), np.float32)
    for axis, (length, start) in enumerate((x, y)):
        scale = length / SMALL
        # Between the centres of pixels.
        rows[axis, axis], rows[axis, 2] = scale, start * SIDE / SMALL + (scale - 1) / 2
    return rows


def _aligned(whole: Pixels, part: Pixels, placed: Floats) -> Pixels | None:
    """Cut the part out of the whole, moved by less than a pixel; None where that fails."""
    grey, whole_grey = (cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) for pixels in (part, whole))
    everywhere = np.full((SIDE, SIDE), 255, np.uint8)
    try:
        _, mapping = cv2.findTransformECC(
            grey, whole_grey, placed, cv2.MOTION_AFFINE, STEPS, everywhere, ALIGNMENT_BLUR
        )
    except cv2.error:
        # Its word for images that it cannot align: they are no copies.
        return None
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(whole, mapping, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def _details(pixels: Pixels) -> Floats:
    finer, coarser = (
        cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), sigma) for sigma in DETAIL_SIGMAS
    )
    return np.asarray(finer - coarser, np.float32)


def _correlation(one: Pixels | Floats, other: Pixels | Floats) -> float:
    """Correlate two pictures, each channel less its mean; 0 where one of them is flat."""
    first, second = (
        np.asarray(pixels, np.float64) - pixels.mean(axis=(0, 1)) for pixels in (one, other)
    )
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / size if size else 0.0


def _scaled(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
