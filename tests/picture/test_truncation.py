"""A cut-off or damaged file gives a PictureError, wherever it is cut; never another error."""

import struct
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import PictureError, TruncatedPicture
from lookalike.picture import Format, PictureContract, read_picture
from tests.picture import files

CONTRACT = PictureContract(size=32)
SMOOTH = cv2.resize(
    np.random.default_rng(2).integers(0, 256, (6, 8, 3), np.uint8), (160, 120)
).astype(np.uint8)
ALPHA = np.dstack([SMOOTH, SMOOTH[..., 0]])
PICTURES: dict[str, bytes] = {
    "JPEG": files.encode(SMOOTH, "JPEG"),
    "progressive JPEG": files.encode(SMOOTH, "JPEG", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
    "JPEG with restarts": files.encode(SMOOTH, "JPEG", (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)),
    "PNG": files.encode(ALPHA, "PNG"),
    "lossy WebP": files.encode(SMOOTH, "WebP", (cv2.IMWRITE_WEBP_QUALITY, 80)),
    "lossy WebP with alpha": files.encode(ALPHA, "WebP", (cv2.IMWRITE_WEBP_QUALITY, 80)),
    "lossless WebP": files.encode(ALPHA, "WebP", (cv2.IMWRITE_WEBP_QUALITY, 101)),
    "AVIF": files.encode(ALPHA, "AVIF", (cv2.IMWRITE_AVIF_SPEED, 9)),
    "GIF": files.encode(SMOOTH, "GIF"),
    "BMP": files.encode(SMOOTH, "BMP"),
}


def ends(data: bytes) -> None:
    """Hold that reading gives the contract's array or a PictureError."""
    try:
        shape = read_picture(data, CONTRACT).shape
    except PictureError:
        return
    assert shape == (32, 32, 3)


@pytest.mark.parametrize("name", PICTURES)
def test_no_prefix_of_a_picture_is_a_picture(name: str) -> None:
    data = PICTURES[name]
    lengths = {*range(64), *range(64, len(data), max(1, len(data) // 150)), len(data) - 1}
    if name == "GIF":
        lengths.discard(len(data) - 1)  # only the trailer is missing
    for length in lengths:
        with pytest.raises(PictureError):
            read_picture(data[:length], CONTRACT)


@pytest.mark.parametrize("name", PICTURES)
def test_half_a_picture_is_truncated(name: str) -> None:
    with pytest.raises(TruncatedPicture):
        read_picture(PICTURES[name][: len(PICTURES[name]) // 2], CONTRACT)


def jpeg_markers(data: bytes) -> Iterator[int]:
    position = 2
    while position < len(data) - 2:
        yield position
        (length,) = struct.unpack(">H", data[position + 2 : position + 4])
        scan = data[position + 1] == 0xDA
        position += 2 + length
        while scan and (data[position] != 0xFF or data[position + 1] in (0, *range(0xD0, 0xD8))):
            position += 1


@pytest.mark.parametrize("name", ["JPEG", "progressive JPEG", "JPEG with restarts"])
def test_a_jpeg_cut_at_a_marker_is_truncated(name: str) -> None:
    data = PICTURES[name]
    markers = list(jpeg_markers(data))
    assert len(markers) > 5
    for marker in markers:
        for cut in (marker + 1, marker + 2, marker + 3, marker + 4):
            with pytest.raises(TruncatedPicture):
                read_picture(data[:cut], CONTRACT)


def test_a_png_cut_at_a_chunk_is_truncated() -> None:
    data, position = PICTURES["PNG"], 8
    while position < len(data):
        for cut in (position, position + 4, position + 8):
            with pytest.raises(TruncatedPicture):
                read_picture(data[:cut], CONTRACT)
        position += 12 + struct.unpack(">I", data[position : position + 4])[0]


def test_an_absurd_chunk_length_is_truncated() -> None:
    data = PICTURES["PNG"]
    longer = data[:33] + b"\x7f\xff\xff\xffaaAa" + data[33:]
    with pytest.raises(TruncatedPicture):
        read_picture(longer, CONTRACT)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(PICTURES)),
    edits=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 1 << 20) | st.none(),
)
def test_changed_bytes_end_in_pixels_or_a_picture_error(
    name: str, edits: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(PICTURES[name])
    for place, value in edits:
        data[place % len(data)] = value
    ends(bytes(data[: cut % len(data)] if cut is not None else data))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    head=st.sampled_from(
        [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\xff\0\0\0WEBPVP8X", b""]
    ),
    body=st.binary(max_size=200),
)
def test_any_bytes_end_in_pixels_or_a_picture_error(head: bytes, body: bytes) -> None:
    ends(head + body)


@pytest.mark.parametrize("name", files.EXTENSIONS)
def test_each_format_is_among_the_pictures(name: Format) -> None:
    assert any(name in variant for variant in PICTURES)
