"""What calibration measures on: vectors like a model's, a picture like a photo, rows."""

from collections.abc import Iterator

import cv2
import numpy as np

from lookalike.index import PictureRow
from lookalike.vectors import Vectors, unit

CATEGORIES = 500
# Directions in which the pictures of a category differ.
VARIATIONS = 10
SEED = 11
# The width and height of many a web shop's pictures.
WIDTH, HEIGHT = 500, 375
QUALITY = 90
NOISE = 6.0


def features(count: int, dimensions: int, seed: int = SEED) -> Vectors:
    """Draw unit vectors ``float32[n, d]`` as after a ReLU: in clusters, about half of them zero."""
    draw = np.random.default_rng(seed)
    categories = min(CATEGORIES, max(1, count // 10))
    centres = draw.normal(size=(categories, dimensions)).astype(np.float32)
    shape = (VARIATIONS, dimensions)
    variations = draw.normal(size=shape).astype(np.float32) / np.sqrt(VARIATIONS)
    of = draw.integers(categories, size=count)
    strengths = draw.normal(size=(count, VARIATIONS)).astype(np.float32)
    vectors = centres[of] + strengths @ variations
    vectors += 0.1 * draw.normal(size=vectors.shape).astype(np.float32)
    return unit(np.maximum(vectors, 0))


def photo() -> bytes:
    """Make a JPEG of 500x375 with shapes and noise."""
    draw = np.random.default_rng(SEED)
    shapes = draw.integers(0, 256, (HEIGHT // 25, WIDTH // 25, 3), dtype=np.uint8)
    picture = cv2.resize(shapes, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    noisy = picture + draw.normal(0, NOISE, picture.shape)
    _, encoded = cv2.imencode(
        ".jpg", noisy.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return encoded.tobytes()


def rows(count: int) -> Iterator[PictureRow]:
    """Make rows with ids and places of a usual length, in their order."""
    for number in range(count):
        name = f"category-{number * CATEGORIES // count:03}/IMG_{number:08}.jpg"
        label, _, _ = name.partition("/")
        yield PictureRow(name, f"s3://catalogue/pictures/{name}", label, number.to_bytes(32))
