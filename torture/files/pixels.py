"""Small pictures to encode, and OpenCV's encoders."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lookalike.picture import Format

Array = npt.NDArray[Any]  # uint8 or uint16; OpenCV types its arrays no closer

EXTENSIONS: dict[Format, str] = {
    "AVIF": ".avif",
    "BMP": ".bmp",
    "GIF": ".gif",
    "JPEG": ".jpg",
    "PNG": ".png",
    "WebP": ".webp",
}
RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)


def quadrants(width: int = 64, height: int = 48) -> npt.NDArray[np.uint8]:
    """RGB: red, green over blue, yellow; every flip and turn of it is different."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = RED
    picture[: height // 2, width // 2 :] = GREEN
    picture[height // 2 :, : width // 2] = BLUE
    picture[height // 2 :, width // 2 :] = YELLOW
    return picture


def smooth(width: int = 160, height: int = 120) -> npt.NDArray[np.uint8]:
    """RGB: colours that run into each other, so that every format has much to code."""
    small = np.random.default_rng(2).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(small, (width, height)).astype(np.uint8)


def encode(rgb: Array, name: Format, parameters: Sequence[int] = ()) -> bytes:
    """Encode grey, RGB or RGBA."""
    if rgb.ndim == 3:
        order = [2, 1, 0, 3][: rgb.shape[2]]
        rgb = np.ascontiguousarray(rgb[..., order])
    done, data = cv2.imencode(EXTENSIONS[name], rgb, parameters)
    assert done  # noqa: S101  a picture of ours that OpenCV cannot write is a fault of ours
    return data.tobytes()
