"""Pictures small enough to stand within the page, as data URLs."""

from base64 import b64encode
from collections.abc import Iterable

import cv2

from lookalike.picture import PictureContract
from lookalike.picture.contract import Pixels
from lookalike.progress import track
from training.features import FeatureExtractor
from training.report.figures import Evaluation, Picture
from training.split import Example, Split

# In pixels: in a row of what is found, twice as many as they take there; and on a map.
LARGE, SMALL = 144, 48
QUALITY = 72
# Groups of copies that are shown, and pictures of each.
GROUPS, OF_A_GROUP = 12, 6

Thumbnails = dict[Picture, str]


def large(evaluation: Evaluation, split: Split, extractor: FeatureExtractor) -> Thumbnails:
    """Make those of what queries find, and of near copies.

    Raises:
        DataError: a picture can no longer be read.
    """
    return _made(_shown(evaluation), split, extractor, LARGE)


def small(evaluation: Evaluation, split: Split, extractor: FeatureExtractor) -> Thumbnails:
    """Make those of the maps.

    Raises:
        DataError: a picture can no longer be read.
    """
    return _made((point.picture for point in evaluation.map), split, extractor, SMALL)


def data_url(pixels: Pixels) -> str:
    """Encode ``uint8[h, w, 3]``, RGB, as a data URL of a WebP picture."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return f"data:image/webp;base64,{b64encode(data.tobytes()).decode()}"


def _shown(evaluation: Evaluation) -> Iterable[Picture]:
    queries = [*evaluation.hardest]
    queries += [query for pair in evaluation.confusions for query in pair.examples]
    for query in queries:
        yield query.picture
        yield from (hit.picture for hit in query.hits)
    for group in evaluation.data.near_copies[:GROUPS]:
        yield from group[:OF_A_GROUP]


def _made(
    pictures: Iterable[Picture], split: Split, extractor: FeatureExtractor, side: int
) -> Thumbnails:
    wanted = list(dict.fromkeys(pictures))
    trained, held_out = split.sides
    placed = (
        (Example(one.id, "", one.category), (held_out if one.held_out else trained).root)
        for one in wanted
    )
    read = extractor.reader.pixels(placed, PictureContract(size=side))
    return {
        one: data_url(pixels)
        for one, pixels in zip(wanted, track(read, "drawing", len(wanted)), strict=True)
    }
