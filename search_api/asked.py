"""What a search is made with, once its vector is known."""

import msgspec

from lookalike.index import IndexDetails, PictureRow
from lookalike.vectors import Vectors
from search_api.parameters import EncodedVector


class Asked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is searched with.

    Attributes:
        vector: ``float32[d]``, as the model gives it; never all zero.
        id: of the picture of the index that was asked for, or None.
        sha256: of the picture's bytes, or None where a vector was given and no more.
        given: the vector came with the search, and took no time.
        decoded: when the pixels were there, by ``time.perf_counter``.
        embedded: when the vector was there.
    """

    vector: Vectors
    id: str | None = None
    sha256: bytes | None = None
    given: bool = False
    decoded: float
    embedded: float

    def is_of(self, picture: PictureRow) -> bool:
        """Tell whether a picture of the index is what was asked for, or a file of its bytes."""
        return picture.id == self.id or picture.sha256 == self.sha256

    def encoded(self, index: IndexDetails) -> EncodedVector:
        """Write the vector so that it can be searched with again."""
        return EncodedVector(
            self.vector.astype("<f4").tobytes(),
            space=space_of(index),
            sha256=None if self.sha256 is None else self.sha256.hex(),
        )


def space_of(index: IndexDetails) -> str:
    """Name the space that an index's vectors lie in: a number alone may be another store's model.

    And the metric: where lengths do not count, those of pictures of the index are kept as one.
    """
    return f"{index.model.name}/{index.model.tag}/{index.metric}"
