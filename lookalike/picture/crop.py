"""A part of a picture: from a box as people give it to a region of the stored pixels."""

from math import ceil, floor, isfinite
from typing import Annotated, Literal, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from lookalike.errors import BadBox
from lookalike.picture.header import PictureHeader, Size
from lookalike.picture.orientation import stored_edges

Unit = Literal["fraction", "pixel"]
# A box's edge may lie so much outside, as a fraction of the side: 1/3 + 2/3 is over 1.
ROUNDING = 1e-9


class Box(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a picture as people see it, upright: from its left upper corner."""

    left: Annotated[float, Meta(ge=0)]
    top: Annotated[float, Meta(ge=0)]
    right: Annotated[float, Meta(gt=0)]
    bottom: Annotated[float, Meta(gt=0)]
    unit: Annotated[Unit, Meta(description="fraction: of width and height; or pixel.")] = "fraction"


class Edges(NamedTuple):
    """A rectangle in fractions of a picture's sides, from its left upper corner."""

    left: float
    top: float
    right: float
    bottom: float


class Region(NamedTuple):
    """Pixels of a picture as it is stored, before its orientation is applied."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def whole(cls, size: Size) -> Self:
        """Give the region that is all of a picture."""
        return cls(0, 0, *size)

    @property
    def size(self) -> Size:
        """Width and height."""
        return Size(self.right - self.left, self.bottom - self.top)

    def reduced(self, factor: int) -> "Region":
        """Give the region of the picture decoded at 1/``factor`` that covers this one."""
        right, bottom = -(-self.right // factor), -(-self.bottom // factor)
        return Region(self.left // factor, self.top // factor, right, bottom)

    def of(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Cut the region out of ``uint8[h, w]`` or ``uint8[h, w, c]``; gives a view."""
        return pixels[self.top : self.bottom, self.left : self.right]


def region_of(header: PictureHeader, box: Box | None) -> Region:
    """Find a box in the stored picture; every pixel that it touches counts.

    Raises:
        BadBox: it has no area, or is not inside the picture.
    """
    if box is None:
        return Region.whole(header.size)
    upright = header.size.turned(header.orientation)
    left, right = _edges(box.left, box.right, upright.width, box.unit, "left and right")
    top, bottom = _edges(box.top, box.bottom, upright.height, box.unit, "top and bottom")
    return Region(*stored_edges((left, top, right, bottom), header.size, header.orientation))


def _edges(first: float, last: float, length: int, unit: Unit, what: str) -> tuple[int, int]:
    side = 1 if unit == "fraction" else length
    if not (isfinite(first) and isfinite(last) and 0 <= first < last <= side * (1 + ROUNDING)):
        raise BadBox(
            f"The box's {what}, {first!r} and {last!r}, must be 0 <= {what.replace(' and ', ' < ')}"
            f" <= {side} ({unit}s of an upright side of {length} pixels)."
        )
    scale = length / side
    start = min(floor(first * scale), length - 1)
    return start, max(start + 1, min(ceil(last * scale - ROUNDING * length), length))
