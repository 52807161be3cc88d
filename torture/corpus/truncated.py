"""Files that break off, at each of their parts and within it."""

from collections.abc import Iterator
from functools import partial

from lookalike.errors import EmptyPicture, NotAPicture, TruncatedPicture, UnsupportedFormat
from torture.case import PictureCase, refused
from torture.files.parts import parts_of
from torture.files.samples import samples

_UNKNOWN = refused(EmptyPicture, NotAPicture, TruncatedPicture, UnsupportedFormat)
_WITHIN = 1  # bytes past the beginning of a part


def truncated() -> Iterator[PictureCase]:
    """Give every sample, cut off at its parts, in its middle, and within its signature."""
    for name in samples():
        short = name.lower().replace(" ", "-")
        for cut in _cuts(name):
            yield PictureCase(
                f"truncated/{short}-{cut:05}",
                "the file ends at a part, or within it",
                refused(TruncatedPicture),
                partial(_cut, name, cut),
            )
        for cut in (1, 2, 3, 8, 12):
            yield PictureCase(
                f"truncated/{short}-signature-{cut:02}",
                "of the signature there are a few bytes",
                _UNKNOWN,
                partial(_cut, name, cut),
            )


def _cut(name: str, cut: int) -> bytes:
    return samples()[name][:cut]


def _cuts(name: str) -> list[int]:
    data = samples()[name]
    parts = parts_of(name, data)
    return sorted({*parts, *(part + _WITHIN for part in parts), len(data) // 2})
