"""Intact pictures of every kind, to be cut off and damaged."""

from functools import cache

import cv2
import numpy as np

from torture.files.bmp import bmp
from torture.files.gif import gif
from torture.files.jpeg import flat_jpeg
from torture.files.pixels import EXTENSIONS, encode, quadrants, smooth

# A palette, and pixels of run lengths with every escape that there is.
PALETTE = bytes(range(256)) * 4
RUNS = b"\x08\5\0\0" * 4 + b"\0\3abc\0\5\1\0\0\0\2\2\1\4\7\0\1"


@cache
def samples() -> dict[str, bytes]:
    """Give pictures of 160 by 120 pixels, which have all parts of their formats."""
    rgb = smooth()
    alpha = np.dstack([rgb, rgb[..., 0]])
    return {
        "JPEG": encode(rgb, "JPEG"),
        "progressive JPEG": encode(rgb, "JPEG", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        "JPEG with restarts": encode(rgb, "JPEG", (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)),
        "PNG": encode(alpha, "PNG"),
        "lossy WebP": encode(rgb, "WebP", (cv2.IMWRITE_WEBP_QUALITY, 80)),
        "lossy WebP with alpha": encode(alpha, "WebP", (cv2.IMWRITE_WEBP_QUALITY, 80)),
        "lossless WebP": encode(alpha, "WebP", (cv2.IMWRITE_WEBP_QUALITY, 101)),
        "AVIF": encode(alpha, "AVIF", (cv2.IMWRITE_AVIF_SPEED, 9)),
        "GIF": encode(rgb, "GIF"),
        "BMP": encode(rgb, "BMP"),
    }


@cache
def small_samples() -> list[bytes]:
    """Give pictures of so few bytes that damage anywhere is likely to matter."""
    small = cv2.resize(quadrants(), (24, 16))
    deep = np.dstack([small, small[..., 0]]).astype(np.uint16) * 257
    return [
        *(encode(small, name) for name in EXTENSIONS),
        encode(deep, "PNG"),
        encode(deep >> 6, "AVIF", (cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_SPEED, 9)),
        flat_jpeg(16, 16, (50, 0, 0, 50), adobe=2),
        flat_jpeg(16, 16, frame=0xC2, scans=4),
        gif((9, 9), (1, 1, 8, 8), [0, 1, 2, 3] * 16, transparent=1),
        bmp(8, 8, 8, RUNS, compression=1, palette=PALETTE),
        bmp(8, 8, 4, RUNS, compression=2, palette=PALETTE[:64]),
    ]
