"""What is transparent lands on white, rounded to nearest, in every format that has alpha."""

import struct

import cv2
import numpy as np
import pytest

from lookalike.picture import Format, PictureContract, inspect_picture, read_picture
from torture import files
from torture.files import GREEN, RED

CONTRACT = PictureContract(size=256, fit="stretch")
SMALL = PictureContract(size=32, fit="stretch")
WHITE = (255, 255, 255)


def test_every_colour_with_every_alpha_is_exact() -> None:
    colour, alpha = np.meshgrid(np.arange(256), np.arange(256))
    picture = np.dstack([colour, 255 - colour, colour, alpha]).astype(np.uint8)
    pixels = read_picture(files.encode(picture, "PNG"), CONTRACT)
    exact = np.floor(255 - (255 - picture[..., :3].astype(float)) * alpha[..., None] / 255 + 0.5)
    assert np.array_equal(pixels, exact)


def test_sixteen_bit_alpha_is_within_one() -> None:
    colour, alpha = np.meshgrid(np.arange(256) * 257, np.arange(256) * 257)
    picture = np.dstack([colour, colour, colour, alpha]).astype(np.uint16)
    pixels = read_picture(files.encode(picture, "PNG"), CONTRACT).astype(float)
    exact = (65535 - (65535 - colour.astype(float)) * alpha / 65535) / 257
    assert np.abs(pixels - exact[..., None]).max() <= 0.51


@pytest.mark.parametrize(
    ("name", "parameters", "within"),
    [
        ("PNG", (), 0),
        ("BMP", (), 0),
        ("WebP", (cv2.IMWRITE_WEBP_QUALITY, 101), 0),
        ("WebP", (cv2.IMWRITE_WEBP_QUALITY, 90), 3),
        ("AVIF", (cv2.IMWRITE_AVIF_SPEED, 9), 3),
    ],
)
def test_each_format_is_laid_on_white(
    name: Format, parameters: tuple[int, ...], within: int
) -> None:
    picture = np.full((40, 40, 4), (200, 100, 0, 128), np.uint8)
    picture[:, 20:, 3] = 0
    data = files.encode(picture, name, parameters)
    assert inspect_picture(data).alpha
    pixels = read_picture(data, SMALL).astype(int)
    assert np.abs(pixels[16, 8] - (227, 177, 127)).max() <= within
    assert np.abs(pixels[16, 24] - WHITE).max() <= within


@pytest.mark.parametrize(
    ("bits", "kind", "row", "before"),
    [
        (8, 4, bytes((0, 0)) * 8, []),
        (16, 4, bytes(4) * 8, []),
        (8, 6, bytes(4) * 8, []),
        (8, 3, b"\1" * 8, [(b"PLTE", bytes(6)), (b"tRNS", b"\xff\0")]),
        (8, 2, bytes((1, 2, 3)) * 8, [(b"tRNS", struct.pack(">HHH", 1, 2, 3))]),
        (16, 2, struct.pack(">HHH", 1, 2, 3) * 8, [(b"tRNS", struct.pack(">HHH", 1, 2, 3))]),
        (8, 0, b"\7" * 8, [(b"tRNS", b"\0\7")]),
        (4, 0, b"\x77" * 4, [(b"tRNS", b"\0\7")]),
        (1, 0, b"\0", [(b"tRNS", b"\0\0")]),
        (16, 0, struct.pack(">H", 777) * 8, [(b"tRNS", struct.pack(">H", 777))]),
    ],
)
def test_every_way_of_png_to_be_transparent_is_white(
    bits: int, kind: int, row: bytes, before: list[tuple[bytes, bytes]]
) -> None:
    data = files.png(8, 8, bits, kind, (b"\0" + row) * 8, before=before)
    assert inspect_picture(data).alpha
    assert np.all(read_picture(data, SMALL) == 255)


def test_a_grey_key_hides_no_other_grey() -> None:
    rows = (b"\0" + struct.pack(">H", 778) * 8) * 8
    data = files.png(8, 8, 16, 0, rows, before=[(b"tRNS", struct.pack(">H", 777))])
    assert np.all(read_picture(data, SMALL) == 3)


def test_gif_transparency_is_white() -> None:
    pixels = read_picture(files.gif((2, 2), (0, 0, 2, 2), [0, 1, 0, 1], transparent=0), SMALL)
    assert tuple(pixels[16, 2]) == WHITE
    assert tuple(pixels[16, 30]) == GREEN


def test_bmp_alpha_counts_only_with_an_alpha_mask() -> None:
    pixels = bytes((*RED[::-1], 0)) * 16
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    masked = files.bmp(4, 4, 32, pixels, header_bytes=56, compression=3, masks=masks)
    padded = files.bmp(4, 4, 32, pixels, compression=3, masks=masks[:3])
    assert tuple(read_picture(masked, SMALL)[0, 0]) == WHITE
    assert tuple(read_picture(padded, SMALL)[0, 0]) == RED


def test_grey_and_alpha_of_avif() -> None:
    parameters = (cv2.IMWRITE_AVIF_SPEED, 9)
    data = files.encode(np.full((40, 40, 4), (100, 100, 100, 0), np.uint8), "AVIF", parameters)
    assert np.all(read_picture(data, SMALL) >= 254)
