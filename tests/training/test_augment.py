import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.augment import augmented, random_transform, view

SIDE = 64
SHA256 = "5f" * 32


def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 200, (SIDE, SIDE, 3), dtype=np.uint8)


def test_view_0_is_the_picture_itself() -> None:
    assert view(picture(), SHA256, 0) is not None
    np.testing.assert_array_equal(view(picture(), SHA256, 0), picture())


def test_a_view_is_the_same_each_time() -> None:
    np.testing.assert_array_equal(view(picture(), SHA256, 3), view(picture(), SHA256, 3))


def test_views_differ_by_number_and_by_picture() -> None:
    assert (view(picture(), SHA256, 1) != view(picture(), SHA256, 2)).any()
    assert (view(picture(), SHA256, 1) != view(picture(), "60" * 32, 1)).any()


def test_what_comes_in_at_the_border_is_white() -> None:
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    values = np.unique(
        np.concatenate([view(black, SHA256, n).reshape(-1, 3) for n in range(1, 20)]), axis=0
    )
    assert (values == values[:, :1]).all(), "grey between black and white, no other colour"
    assert values.max() == 255


def test_a_white_picture_stays_white() -> None:
    white = np.full((SIDE, SIDE, 3), 255, np.uint8)
    np.testing.assert_array_equal(view(white, SHA256, 7), white)


def test_the_form_of_the_pixels_is_kept() -> None:
    result = augmented(picture(), np.random.default_rng(0))
    assert result.shape == (SIDE, SIDE, 3)
    assert result.dtype == np.uint8


@given(st.integers(0, 10_000))
def test_transforms_stay_within_the_recipe(seed: int) -> None:
    matrix = random_transform(SIDE, np.random.default_rng(seed))
    centre = np.array([(SIDE - 1) / 2, (SIDE - 1) / 2, 1])
    assert np.abs((matrix @ centre - centre)[:2]).max() <= 0.2 * SIDE + 1e-9
    assert 0.8**2 - 1e-9 <= abs(np.linalg.det(matrix)) <= 1.2**2 + 1e-9
    angle = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    folded = min(abs(angle), 180 - abs(angle))
    assert folded <= 30 + 1e-9


def test_half_of_the_views_are_mirrored() -> None:
    mirrored = [
        np.linalg.det(random_transform(SIDE, np.random.default_rng(n))[:2, :2]) < 0
        for n in range(1_000)
    ]
    assert 0.45 < np.mean(mirrored) < 0.55


def test_opencv_warps_alike_in_one_thread_and_in_many() -> None:
    threads = cv2.getNumThreads()
    many = view(picture(), SHA256, 5)
    cv2.setNumThreads(1)
    try:
        np.testing.assert_array_equal(view(picture(), SHA256, 5), many)
    finally:
        cv2.setNumThreads(threads)
