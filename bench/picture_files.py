"""Picture files for measuring: one smooth picture in every format that the contract reads."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

SEED = 1
FAST_AVIF = (cv2.IMWRITE_AVIF_SPEED, 10)
QUALITY_OF_WEBP = (cv2.IMWRITE_WEBP_QUALITY, 80)


def smooth(width: int, height: int) -> npt.NDArray[np.uint8]:
    """Draw ``uint8[height, width, 3]`` without sharp edges."""
    small = np.random.default_rng(SEED).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return cv2.resize(small, (width, height)).astype(np.uint8)


def writers(side: int) -> Mapping[str, Callable[[], bytes]]:
    """Give, by the name of its format, what writes a picture of ``side`` by ``side`` pixels."""
    rgb = smooth(side, side)
    alpha, grey = np.dstack([rgb, rgb[..., 0]]), np.ascontiguousarray(rgb[..., 0])
    return {
        "JPEG": lambda: encoded(rgb, ".jpg"),
        "progressive JPEG": lambda: encoded(rgb, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "grey PNG": lambda: encoded(grey, ".png"),
        "PNG": lambda: encoded(rgb, ".png"),
        "PNG with alpha": lambda: encoded(alpha, ".png"),
        "deep PNG": lambda: encoded(_deep(rgb, 16), ".png"),
        "deep PNG with alpha": lambda: encoded(_deep(alpha, 16), ".png"),
        "WebP": lambda: encoded(rgb, ".webp", *QUALITY_OF_WEBP),
        "WebP with alpha": lambda: encoded(alpha, ".webp", *QUALITY_OF_WEBP),
        "lossless WebP": lambda: encoded(alpha, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
        "grey AVIF": lambda: encoded(grey, ".avif", *FAST_AVIF),
        "AVIF": lambda: encoded(rgb, ".avif", *FAST_AVIF),
        "AVIF with alpha": lambda: encoded(alpha, ".avif", *FAST_AVIF),
        "lossless AVIF": lambda: encoded(rgb, ".avif", *FAST_AVIF, cv2.IMWRITE_AVIF_QUALITY, 100),
        "deep AVIF": lambda: encoded(
            _deep(alpha, 10), ".avif", *FAST_AVIF, cv2.IMWRITE_AVIF_DEPTH, 10
        ),
        "GIF": lambda: encoded(rgb, ".gif"),
        "BMP": lambda: encoded(rgb, ".bmp"),
        "BMP with alpha": lambda: encoded(alpha, ".bmp"),
    }


def encoded(pixels: Array, extension: str, *parameters: int) -> bytes:
    """Write pixels in OpenCV's order of channels, with its parameters."""
    done, data = cv2.imencode(extension, pixels, parameters)
    assert done
    return data.tobytes()


def _deep(pixels: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint16]:
    return pixels.astype(np.uint16) << np.uint16(bits - 8)
