"""What a search is made with, once its vector is known."""

import msgspec

from lookalike.index import PictureRow
from lookalike.vectors import Vectors


class Asked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is searched with.

    Attributes:
        vector: ``float32[d]``, as the model gives it; never all zero.
        id: of the picture of the index that was asked for, or None.
        sha256: of the picture's bytes, or None where a vector was given.
        decoded: when the pixels were there, by ``time.perf_counter``.
        embedded: when the vector was there.
    """

    vector: Vectors
    id: str | None = None
    sha256: bytes | None = None
    decoded: float
    embedded: float

    def is_of(self, picture: PictureRow) -> bool:
        """Tell whether a picture of the index is what was asked for, or a file of its bytes."""
        return picture.id == self.id or picture.sha256 == self.sha256
