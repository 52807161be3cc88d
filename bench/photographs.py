"""Synthetic photographs: JPEGs whose spectrum, and so their size and cost, is a photograph's."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lookalike.progress import track

QUALITY = 90
DISTINCT = 40
IN_A_FOLDER = 500
SCALES = (4, 8, 16, 32, 64, 128, 256)
COMMENT = b"\xff\xfe"  # a JPEG's comment segment


def photograph(width: int, height: int, seed: int) -> npt.NDArray[np.uint8]:
    """Draw ``uint8[height, width, 3]``: noise at all scales, the finer the fainter."""
    draw = np.random.default_rng(seed)
    drawn = np.full((height, width, 3), 128.0, np.float32)
    for scale in SCALES:
        small = draw.normal(0, 120 / scale**0.5, (max(2, scale * height // width), scale, 3))
        drawn += cv2.resize(
            small.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
    drawn += draw.normal(0, 3, drawn.shape)
    return np.clip(drawn, 0, 255).astype(np.uint8)


def write_photographs(folder: Path, width: int, height: int, count: int) -> list[Path]:
    """Write ``count`` JPEGs; each differs from all others, if only by a comment.

    Some hundred lie in a folder: one is listed at a time, and a list of many takes memory.
    """
    kinds = [jpeg(width, height, seed) for seed in range(min(count, DISTINCT))]
    paths = [folder / f"{number // IN_A_FOLDER:03}" / f"{number:06}.jpg" for number in range(count)]
    for below in sorted({path.parent for path in paths}):
        below.mkdir(parents=True)
    for number, path in enumerate(track(paths, f"writing {width}×{height} pictures")):
        path.write_bytes(commented(kinds[number % len(kinds)], number))
    return paths


def jpeg(width: int, height: int, seed: int) -> bytes:
    """Write a :func:`photograph` as a camera would."""
    pixels = photograph(width, height, seed)
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return data.tobytes()


def commented(picture: bytes, number: int) -> bytes:
    """Add a comment of a number to a JPEG, so that its digest is another."""
    text = hashlib.sha256(str(number).encode()).hexdigest().encode()
    return picture[:2] + COMMENT + (len(text) + 2).to_bytes(2, "big") + text + picture[2:]
