"""The estimate from the header is an upper bound on the memory that decoding takes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lookalike.picture import PictureContract, decoded_bytes, inspect_picture
from tests.picture import files

SIDE = 1400
EVERY_DECODER = 12_000_000  # work areas and strips that do not grow with the picture
FAST_AVIF = (cv2.IMWRITE_AVIF_SPEED, 10)
SMOOTH = cv2.resize(
    np.random.default_rng(1).integers(0, 256, (SIDE // 8, SIDE // 8, 3), np.uint8), (SIDE, SIDE)
).astype(np.uint8)
ALPHA = np.dstack([SMOOTH, SMOOTH[..., 0]])
GREY = np.ascontiguousarray(SMOOTH[..., 0])


def deep(picture: files.Array, bits: int) -> files.Array:
    return picture.astype(np.uint16) << bits - 8


WRITERS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: files.encode(SMOOTH, "JPEG"),
    "progressive JPEG": lambda: files.encode(SMOOTH, "JPEG", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
    "grey PNG": lambda: files.encode(GREY, "PNG"),
    "PNG": lambda: files.encode(SMOOTH, "PNG"),
    "PNG with alpha": lambda: files.encode(ALPHA, "PNG"),
    "deep PNG": lambda: files.encode(deep(SMOOTH, 16), "PNG"),
    "deep PNG with alpha": lambda: files.encode(deep(ALPHA, 16), "PNG"),
    "WebP": lambda: files.encode(SMOOTH, "WebP", (cv2.IMWRITE_WEBP_QUALITY, 80)),
    "WebP with alpha": lambda: files.encode(ALPHA, "WebP", (cv2.IMWRITE_WEBP_QUALITY, 80)),
    "lossless WebP": lambda: files.encode(ALPHA, "WebP", (cv2.IMWRITE_WEBP_QUALITY, 101)),
    "grey AVIF": lambda: files.encode(GREY, "AVIF", FAST_AVIF),
    "AVIF": lambda: files.encode(SMOOTH, "AVIF", FAST_AVIF),
    "AVIF with alpha": lambda: files.encode(ALPHA, "AVIF", FAST_AVIF),
    "lossless AVIF": lambda: files.encode(
        SMOOTH, "AVIF", (*FAST_AVIF, cv2.IMWRITE_AVIF_QUALITY, 100)
    ),
    "deep AVIF": lambda: files.encode(
        deep(ALPHA, 10), "AVIF", (*FAST_AVIF, cv2.IMWRITE_AVIF_DEPTH, 10)
    ),
    "GIF": lambda: files.encode(SMOOTH, "GIF"),
    "BMP": lambda: files.encode(SMOOTH, "BMP"),
    "BMP with alpha": lambda: files.encode(ALPHA, "BMP"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_decoding_takes_no_more_than_the_estimate(name: str, tmp_path: Path) -> None:
    """Copies of the file come on top: one of ours, and two of libwebp's."""
    path, data = tmp_path / "picture", WRITERS[name]()
    path.write_bytes(data)
    command = [sys.executable, "-m", "tests.picture.peak_memory", str(path)]
    peak = int(subprocess.run(command, capture_output=True, check=True).stdout)
    estimate = decoded_bytes(inspect_picture(data), PictureContract())
    assert peak <= estimate + 3 * len(data) + EVERY_DECODER
    assert estimate <= 1.5 * peak + EVERY_DECODER
