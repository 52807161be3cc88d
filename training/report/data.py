"""What the pictures of a split are like: sizes, formats, balance, near copies, broken files."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from lookalike.errors import DataError, PictureError
from lookalike.picture import PictureHeader, inspect_picture
from lookalike.progress import track
from training.features import FeatureExtractor
from training.judging import ranked_sides
from training.labelled import fixed_sample
from training.near_copies import near_copies
from training.reading import bytes_of
from training.report.figures import CategorySize, Data, Picture, SizeBin
from training.split import Example, Split

# Whose sizes are looked at: past this number a fixed random part.
MOST_MEASURED = 2_000
# Of the shorter side, in pixels.
SIZES = (1, 32, 64, 128, 256, 512, 1024, 2048, 4096)


def described(split: Split, extractor: FeatureExtractor, size: int) -> Data:
    """Look at the pictures of a split; copies are looked for among those that are ranked.

    Args:
        split: whose pictures have been embedded.
        extractor: that has their features.
        size: side of what the model sees.

    Raises:
        DataError: a picture can no longer be read.
    """
    headers = [
        _header(example, root)
        for example, root in track(_drawn(split), "looking at sizes and formats")
    ]
    gallery, queries = ranked_sides(split)
    groups = near_copies(extractor, gallery, queries)
    held_out = frozenset(queries.examples)
    return Data(
        categories=_categories(split),
        measured=len(headers),
        sizes=_sizes(headers),
        enlarged=sum(max(header.width, header.height) < size for header in headers),
        formats=dict(Counter(header.format for header in headers).most_common()),
        compared=len(gallery.examples) + len(queries.examples),
        near_copies=sorted(
            ([picture_of(one, one in held_out) for one in group] for group in groups),
            key=_concern,
            reverse=True,
        ),
        skipped=split.skipped,
        validation_skipped=split.validation_skipped,
    )


def picture_of(example: Example, held_out: bool) -> Picture:
    """Name an example as the report does."""
    return Picture(example.path, example.label, held_out)


def _concern(group: Sequence[Picture]) -> tuple[bool, bool, int]:
    sides, labels = {one.held_out for one in group}, {one.category for one in group}
    return len(sides) > 1, len(labels) > 1, len(group)


def _categories(split: Split) -> list[CategorySize]:
    training, held_out = (
        Counter(example.label for example in side) for side in (split.train, split.validation)
    )
    return [CategorySize(name, training[name], held_out[name]) for name in split.categories]


def _sizes(headers: Sequence[PictureHeader]) -> list[SizeBin]:
    bins = Counter(bisect_right(SIZES, min(one.width, one.height)) - 1 for one in headers)
    return [
        SizeBin(least, following and following - 1, bins[place])
        for place, (least, following) in enumerate(zip_longest(SIZES, SIZES[1:]))
        if bins[place]
    ]


def _drawn(split: Split) -> Sequence[tuple[Example, Path]]:
    every = [placed for side in split.sides for placed in side.placed()]
    return [every[row] for row in fixed_sample(len(every), MOST_MEASURED)]


def _header(example: Example, root: Path) -> PictureHeader:
    try:
        return inspect_picture(bytes_of(example, root))
    except (OSError, PictureError) as error:
        raise DataError(f"{example.path} can no longer be read: {error}") from error
