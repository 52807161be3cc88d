"""What became of one picture of the catalogue: exactly one outcome each."""

import msgspec
import numpy as np

from lookalike.catalogue import Picture
from lookalike.vectors import Vectors


class Embedded(msgspec.Struct, frozen=True):
    """A picture with its vector, ``float32[d]``, as the model gave it."""

    picture: Picture
    sha256: bytes
    vector: Vectors


class Rejected(msgspec.Struct, frozen=True):
    """A picture without a vector; ``type`` is the error's stable type."""

    picture: Picture
    type: str
    detail: str


Outcome = Embedded | Rejected


class Outcomes(msgspec.Struct):
    """The outcomes of a whole catalogue, in its order."""

    embedded: list[Embedded] = msgspec.field(default_factory=list)
    rejected: list[Rejected] = msgspec.field(default_factory=list)
    reused: int = 0

    def vectors(self) -> Vectors:
        """Stack the vectors: ``float32[n, d]``."""
        return np.stack([item.vector for item in self.embedded])
