"""What a picture is to the model: the part of the picture contract that a card records."""

from typing import Annotated, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

VERSION = 1
DEFAULT_SIZE = 224
SMALLEST_SIZE = 32  # every backbone halves its input five times
CHANNELS = 3

Fit = Literal["pad", "stretch"]
# ``uint8[..., S, S, 3]`` RGB, as the contract makes them.
Pixels = npt.NDArray[np.uint8]


class PictureContract(msgspec.Struct, frozen=True, kw_only=True):
    """How bytes become ``uint8[size, size, 3]`` RGB; equal contracts give equal pixels."""

    version: Annotated[int, Meta(description="Version of the rules themselves.")] = VERSION
    size: Annotated[int, Meta(ge=SMALLEST_SIZE, description="Side of the square, in pixels.")] = (
        DEFAULT_SIZE
    )
    fit: Annotated[
        Fit, Meta(description="pad: keep the proportions, on white; stretch: fill the square.")
    ] = "pad"

    @property
    def nbytes(self) -> int:
        """Bytes of one picture's raw pixels, as the model's signature takes them."""
        return self.size * self.size * CHANNELS
