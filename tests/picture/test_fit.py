"""The square: proportions kept on white, or filled; shrinking averages, enlarging interpolates."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from lookalike.picture import PictureContract, read_picture
from lookalike.picture.fit import resized, target_size
from lookalike.picture.header import PictureHeader, Size
from lookalike.picture.memory import reduction
from torture import files

PAD, STRETCH = PictureContract(), PictureContract(fit="stretch")


@pytest.mark.parametrize(
    ("size", "target"),
    [
        (Size(224, 224), Size(224, 224)),
        (Size(448, 224), Size(224, 112)),
        (Size(3, 448), Size(2, 224)),
        (Size(1, 65535), Size(1, 224)),
        (Size(2, 1), Size(224, 112)),
        (Size(1000, 333), Size(224, 75)),
    ],
)
def test_pad_keeps_the_proportions(size: Size, target: Size) -> None:
    assert target_size(size, PAD) == target
    assert target_size(size, STRETCH) == Size(224, 224)


def test_pad_centres_on_white() -> None:
    data = files.encode(np.zeros((100, 50, 3), np.uint8), "PNG")
    pixels = read_picture(data, PictureContract(size=64))
    assert np.all(pixels[:, 16:48] == 0)
    assert np.all(pixels[:, :16] == 255)
    assert np.all(pixels[:, 48:] == 255)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 700), (223, 225)])
@pytest.mark.parametrize("contract", [PAD, STRETCH, PictureContract(size=33)])
def test_every_shape_gives_the_contract_s_array(
    shape: tuple[int, int], contract: PictureContract
) -> None:
    pixels = read_picture(files.encode(np.zeros((*shape, 3), np.uint8), "PNG"), contract)
    assert pixels.shape == (contract.size, contract.size, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.nbytes == contract.nbytes


def test_shrinking_averages_even_where_the_other_side_grows() -> None:
    stripes = np.zeros((2, 4096), np.uint8)
    stripes[:, ::2] = 200
    assert np.all(resized(stripes, Size(32, 32)) == 100)


@pytest.mark.parametrize(
    ("width", "height", "orientation", "contract", "factor"),
    [
        (224 * 8, 224 * 8, 1, STRETCH, 8),
        (224 * 8 - 8, 224 * 8, 1, STRETCH, 4),
        (224 * 8 - 7, 224 * 8, 1, STRETCH, 8),  # libjpeg rounds up
        (224 * 8, 300, 1, STRETCH, 1),
        (224 * 8, 300, 1, PAD, 8),
        (300, 224 * 8, 6, PAD, 8),
        (447, 447, 1, PAD, 2),
        (446, 446, 1, PAD, 1),
        (100, 100, 1, PAD, 1),
    ],
)
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_is_large_enough(
    width: int, height: int, orientation: int, contract: PictureContract, factor: int
) -> None:
    header = PictureHeader(
        format="JPEG", width=width, height=height, channels=3, orientation=orientation
    )
    assert reduction(header, contract) == factor


def test_reduced_decoding_shows_the_same_picture() -> None:
    small = np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8)
    smooth = cv2.resize(small, (1600, 1200), interpolation=cv2.INTER_CUBIC)
    contract = PictureContract(size=100)
    jpeg = read_picture(files.encode(smooth, "JPEG"), contract).astype(int)
    png = read_picture(files.encode(smooth, "PNG"), contract).astype(int)
    assert np.abs(jpeg - png).mean() < 2


PRINTS_DIGESTS = """
import hashlib, sys
import cv2
from lookalike.picture import PictureContract, read_picture
cv2.setNumThreads(int(sys.argv[1]))
for path in sys.argv[2:]:
    pixels = read_picture(open(path, "rb").read(), PictureContract())
    print(hashlib.sha256(pixels.tobytes()).hexdigest())
"""


def test_equal_bytes_give_equal_pixels_with_one_thread_or_many(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(5).integers(0, 256, (701, 1003, 3), np.uint8)
    paths = [folder / f"noise{extension}" for extension in files.EXTENSIONS.values()]
    for name, path in zip(files.EXTENSIONS, paths, strict=True):
        path.write_bytes(files.encode(noise, name))
    digests = [
        subprocess.run(
            [sys.executable, "-c", PRINTS_DIGESTS, threads, *map(str, paths)],
            capture_output=True,
            check=True,
        ).stdout.split()
        for threads in ("1", "8")
    ]
    assert len(digests[0]) == len(paths)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("size", [(50, 20), (20, 50), (33, 32), (300, 7)])
def test_pixels_can_be_written_where_they_are_to_lie(size: tuple[int, int]) -> None:
    contract = PictureContract(size=32)
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    data = files.encode(pixels, "PNG")
    shared = np.full((3, 32, 32, 3), 7, np.uint8)
    assert read_picture(data, contract, out=shared[1]) is not None
    assert np.array_equal(shared[1], read_picture(data, contract))
    assert (shared[[0, 2]] == 7).all()
