"""A part of a picture is read as a picture of its own."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import BadBox, PictureTooLarge
from lookalike.picture import Box, PictureContract, read_picture
from lookalike.picture.orientation import upright
from torture import files

HEIGHT, WIDTH = 37, 53
CONTRACT = PictureContract(size=64)
DRAWN = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    return files.encode(np.ascontiguousarray(pixels), "PNG")


@given(
    orientation=st.integers(1, 8),
    edges=st.tuples(*[st.integers(0, HEIGHT - 1)] * 2, *[st.integers(1, HEIGHT)] * 2),
)
def test_it_is_the_same_as_cutting_it_out_of_the_upright_picture(
    orientation: int, edges: tuple[int, int, int, int]
) -> None:
    left, top, width, height = edges
    seen = upright(DRAWN, orientation)
    right, bottom = min(left + width, seen.shape[1]), min(top + height, seen.shape[0])
    cut = png(seen[top:bottom, left:right])
    whole = files.with_exif(png(DRAWN), "PNG", files.exif(orientation))
    box = Box(left, top, right, bottom, "pixel")
    assert (read_picture(whole, CONTRACT, box=box) == read_picture(cut, CONTRACT)).all()
    fractions = Box(
        left / seen.shape[1], top / seen.shape[0], right / seen.shape[1], bottom / seen.shape[0]
    )
    assert (read_picture(whole, CONTRACT, box=fractions) == read_picture(cut, CONTRACT)).all()


def test_a_part_of_a_large_jpeg_is_decoded_no_smaller_than_it_is_wanted() -> None:
    fine = np.zeros((640, 640, 3), np.uint8)
    fine[:, 320:, :] = np.indices((640, 320)).sum(axis=0)[..., None] // 8 % 2 * 255
    data = files.encode(fine, "JPEG")
    box = Box(0.75, 0.75, 0.85, 0.85)  # 64 pixels of a side: at their own scale
    part = read_picture(data, CONTRACT, box=box).astype(int)
    want = fine[480:544, 480:544].astype(int)
    assert np.abs(part - want).mean() < 12


@pytest.mark.parametrize(
    "box",
    [
        Box(0.5, 0, 0.5, 1),
        Box(0, 0.6, 1, 0.4),
        Box(0, 0, 1.01, 1),
        Box(0, 0, WIDTH + 1, HEIGHT, "pixel"),
        Box(float("nan"), 0, 1, 1),
        Box(0, 0, float("inf"), 1, "pixel"),
    ],
)
def test_a_box_that_is_no_part_is_refused(box: Box) -> None:
    with pytest.raises(BadBox):
        read_picture(png(DRAWN), CONTRACT, box=box)


def test_a_box_that_is_just_too_large_is_told_as_it_is() -> None:
    with pytest.raises(BadBox, match=r"0 and 1\.0000001, must be 0 <= left < right <= 1 "):
        read_picture(png(DRAWN), CONTRACT, box=Box(0, 0, 1.0000001, 1))


def test_the_limit_counts_what_is_decoded_for_the_part() -> None:
    data = files.encode(np.zeros((1600, 1600, 3), np.uint8), "JPEG")
    limit = 2 * 200 * 200 * 3
    assert read_picture(data, CONTRACT, max_decoded_bytes=limit).shape == (64, 64, 3)
    with pytest.raises(PictureTooLarge):
        read_picture(data, CONTRACT, max_decoded_bytes=limit, box=Box(0, 0, 0.04, 0.04))


def test_the_smallest_box_has_a_pixel() -> None:
    tiny = read_picture(png(DRAWN), CONTRACT, box=Box(0.999999, 0.999999, 1, 1))
    assert (tiny == DRAWN[-1, -1]).all()
