"""Orientation is honoured once, in every format that carries it; a broken one is ignored."""

import cv2
import numpy as np
import pytest

from lookalike.picture import Format, PictureContract, inspect_picture, read_picture
from torture import files
from torture.files import BLUE, GREEN, RED, YELLOW

SQUARE = PictureContract(size=32, fit="stretch")
SEEN = {  # red, green, blue, yellow as stored; by the figures of TIFF 6.0, tag 274
    1: (RED, GREEN, BLUE, YELLOW),
    2: (GREEN, RED, YELLOW, BLUE),
    3: (YELLOW, BLUE, GREEN, RED),
    4: (BLUE, YELLOW, RED, GREEN),
    5: (RED, BLUE, GREEN, YELLOW),
    6: (BLUE, RED, YELLOW, GREEN),
    7: (YELLOW, GREEN, BLUE, RED),
    8: (GREEN, YELLOW, RED, BLUE),
}


def seen(data: bytes) -> list[tuple[int, ...]]:
    """Quadrants' colours, each channel brought to 0 or 255."""
    middles = read_picture(data, SQUARE)[[8, 8, 24, 24], [8, 24, 8, 24]]
    return [tuple(int(channel > 127) * 255 for channel in middle) for middle in middles]


@pytest.mark.parametrize("orientation", SEEN)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WebP"])
def test_exif_orientation_is_honoured(name: Format, order: str, orientation: int) -> None:
    plain = files.encode(files.quadrants(), name)
    data = files.with_exif(plain, name, files.exif(orientation, order))
    assert inspect_picture(data).orientation == orientation
    assert seen(data) == list(SEEN[orientation])


@pytest.mark.parametrize(
    ("irot", "imir", "orientation"),
    [
        (None, None, 1), (1, None, 8), (2, None, 3), (3, None, 6), (None, 0, 4), (None, 1, 2),
        (1, 0, 5), (3, 0, 7), (1, 1, 7), (2, 0, 2), (2, 1, 4), (3, 1, 5),
    ],
)  # fmt: skip
def test_avif_is_turned_and_mirrored_by_its_properties(
    irot: int | None, imir: int | None, orientation: int
) -> None:
    data = files.encode(files.quadrants(), "AVIF", (cv2.IMWRITE_AVIF_SPEED, 9))
    data = files.turned(data, irot, imir)
    assert inspect_picture(data).orientation == orientation
    assert seen(data) == list(SEEN[orientation])


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_turned_picture_takes_its_own_proportions(orientation: int) -> None:
    plain = files.encode(np.zeros((40, 80, 3), np.uint8), "PNG")
    data = files.with_exif(plain, "PNG", files.exif(orientation))
    pixels = read_picture(data, PictureContract(size=32))
    assert pixels[0, 16].tolist() == [0, 0, 0]
    assert pixels[16, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"XX*\0\x08\0\0\0",
        files.exif(0),
        files.exif(9),
        files.exif(6)[:-9],
    ],
)
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WebP"])
def test_broken_exif_is_ignored(name: Format, block: bytes) -> None:
    plain = files.encode(files.quadrants(), name)
    assert inspect_picture(files.with_exif(plain, name, block)).orientation == 1
