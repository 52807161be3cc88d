"""What is no usable picture gets the error of its kind, with a sentence that says what to do."""

import struct

import cv2
import numpy as np
import pytest

from lookalike.errors import (
    BadDimensions,
    CorruptPicture,
    EmptyPicture,
    NotAPicture,
    PictureTooLarge,
    TruncatedPicture,
    UnsupportedFormat,
)
from lookalike.picture import PictureContract, decoded_bytes, inspect_picture, read_picture
from lookalike.picture.jpeg import parse_jpeg
from torture import files

CONTRACT = PictureContract(size=32)


def test_no_bytes_are_an_empty_picture() -> None:
    with pytest.raises(EmptyPicture, match="send the contents"):
        read_picture(b"", CONTRACT)


@pytest.mark.parametrize("data", [b"\0", b"hello", b"\xff\xd8", b"RIFF\0\0\0\0WAVEfmt ", b"GIF88a"])
def test_unknown_bytes_are_not_a_picture(data: bytes) -> None:
    with pytest.raises(NotAPicture, match="send JPEG, PNG"):
        read_picture(data + bytes(64), CONTRACT)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0heixmif1", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42isom", "video"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a", "JPEG XL"),
        (b'<?xml version="1.0"?>\n<svg xmlns=', "SVG"),
        (b"\xef\xbb\xbf  <svg>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\1\0\1\0", "ICO"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\x76\x2f\x31\x01\2\0", "OpenEXR"),
        (b"#?RADIANCE\n", "Radiance"),
        (b"P6\n2 2\n255\n", "PNM"),
        (b"qoif\0\0", "QOI"),
        (b"\x59\xa6\x6a\x95\0\0", "Sun raster"),
    ],
)
def test_formats_that_are_not_read_are_named(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=name):
        read_picture(data + bytes(64), CONTRACT)


def test_heic_is_told_what_to_do() -> None:
    with pytest.raises(UnsupportedFormat, match="export it as JPEG"):
        read_picture(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", CONTRACT)


@pytest.mark.parametrize(
    "data",
    [
        files.flat_jpeg(0, 8),
        files.flat_jpeg(8, 0),
        files.png(0, 8, 8, 2, b""),
        files.png(8, 0, 8, 2, b""),
        files.bmp(0, 4, 24, b""),
        files.bmp(-4, 4, 24, b""),
        files.gif((2, 2), (0, 0, 0, 2), []),
        files.riff(files.webp_chunk(b"VP8 ", b"\0\0\0\x9d\x01\x2a\0\0\0\0")),
        files.encode(files.quadrants(), "AVIF").replace(struct.pack(">II", 64, 48), bytes(8)),
    ],
    ids=["JPEG w", "JPEG h", "PNG w", "PNG h", "BMP w", "BMP -", "GIF", "WebP", "AVIF"],
)
def test_a_side_of_zero_is_bad_dimensions(data: bytes) -> None:
    with pytest.raises(BadDimensions, match="pixels: send a picture"):
        read_picture(data, CONTRACT)


@pytest.mark.parametrize(
    "data",
    [
        files.png(50_000, 50_000, 8, 2, b""),
        files.png(60_000, 60_000, 1, 0, b""),
        files.png(50_000, 50_000, 8, 2, np.random.default_rng(7).bytes(2_000_000)),
        files.flat_jpeg(60_000, 8, frame=0xC2)[:-2].replace(
            struct.pack(">HH", 8, 60_000), struct.pack(">HH", 60_000, 60_000)
        )
        + b"\xff\xd9",
        files.gif((65_535, 65_535), (0, 0, 2, 2), [0] * 4),
    ],
    ids=["PNG", "1-bit PNG", "PNG with data", "progressive JPEG", "GIF"],
)
def test_a_bomb_is_refused_from_its_header(data: bytes) -> None:
    with pytest.raises(PictureTooLarge, match=r"limit is 256,000,000.*MAX_DECODED_BYTES"):
        read_picture(data, CONTRACT)


def test_the_limit_is_the_estimate() -> None:
    for name in files.EXTENSIONS:
        data = files.encode(files.quadrants(), name)
        estimate = decoded_bytes(inspect_picture(data), CONTRACT)
        assert read_picture(data, CONTRACT, max_decoded_bytes=estimate).shape == (32, 32, 3)
        with pytest.raises(PictureTooLarge, match=f"{estimate:,} bytes.*64 by 48|64 by 48"):
            read_picture(data, CONTRACT, max_decoded_bytes=estimate - 1)


def test_avif_counts_what_its_bitstream_says_and_not_its_box() -> None:
    data = files.encode(np.zeros((48, 64, 3), np.uint8), "AVIF")
    smaller = data.replace(struct.pack(">II", 64, 48), struct.pack(">II", 6, 4))
    before, after = inspect_picture(data), inspect_picture(smaller)
    assert (after.width, after.height) == (6, 4)
    assert after.coded_pixels == before.coded_pixels == 64 * 48


def test_too_many_scans_are_too_large() -> None:
    assert read_picture(files.flat_jpeg(16, 16, frame=0xC2, scans=99), CONTRACT).shape
    with pytest.raises(PictureTooLarge, match="scans"):
        read_picture(files.flat_jpeg(16, 16, frame=0xC2, scans=100), CONTRACT)


@pytest.mark.parametrize("frame", [0xC0, 0xC1])
def test_a_jpeg_of_gigapixels_is_too_large_though_a_small_one_is_made_of_it(frame: int) -> None:
    small, large = files.flat_jpeg(8, 8, frame=frame), struct.pack(">HHB", 40_000, 40_000, 1)
    with pytest.raises(PictureTooLarge, match="takes too long"):
        read_picture(small.replace(struct.pack(">HHB", 8, 8, 1), large), CONTRACT)


def test_many_scans_of_many_pixels_are_too_large() -> None:
    data = files.flat_jpeg(8000, 8000, frame=0xC2, scans=60)
    with pytest.raises(PictureTooLarge, match="scans"):
        read_picture(data, CONTRACT)


@pytest.mark.parametrize("code", [4, 5])
def test_a_gif_of_clear_codes_is_too_large(code: int) -> None:
    bits = sum(code << 3 * place for place in range(4000))
    blocks = b"\x02" + files.sub_blocks(bits.to_bytes(1500, "little"))
    data = files.gif((8, 8), (0, 0, 8, 8), [0] * 64)
    image = data.index(files.lzw_blocks([0] * 64))
    with pytest.raises(PictureTooLarge, match="compression"):
        read_picture(data[:image] + blocks + b";", CONTRACT)


def test_a_noisy_gif_has_few_clear_codes() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (300, 400, 3), np.uint8)
    assert read_picture(files.encode(noise, "GIF"), CONTRACT).shape == (32, 32, 3)


def test_a_png_with_much_more_data_than_pixels_is_corrupt() -> None:
    noise = np.random.default_rng(7).bytes(3_000_000)
    with pytest.raises(CorruptPicture, match="after its last pixel"):
        read_picture(files.png(8, 8, 8, 2, noise), CONTRACT)


def test_a_noisy_png_is_inflated_whole() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (900, 900, 3), np.uint8)
    data = files.encode(noise, "PNG")
    assert len(data) > 2_000_000
    assert read_picture(data, CONTRACT).shape == (32, 32, 3)


def iloc_of_nothing() -> bytes:
    """Extents whose fields have no bytes: a small box that takes long to walk."""
    items = struct.pack(">HHH", 1, 0, 0xFFFF) * 0xFFFF
    iloc = files.box(b"iloc", bytes(4), b"\0\0\xff\xff", items)
    file_type = files.box(b"ftyp", b"avif", bytes(4))
    return file_type + files.box(b"meta", bytes(4), iloc)


@pytest.mark.parametrize(
    "data",
    [
        files.flat_jpeg(16, 16)[:2] + b"\xff\xfe\0\2" * 100_001,
        files.png(2, 2, 8, 2, b"", before=[(b"aaAa", b"")] * 100_001),
        files.riff(files.webp_chunk(b"VP8X", bytes(10)), b"JUNK\0\0\0\0" * 100_001),
        files.gif((2, 2), (0, 0, 2, 2), [])[:-4] + b"\2" + b"\1\0" * 100_001,
        b"GIF89a\2\0\2\0\0\0\0" + (b"\x21\xfe" + b"\1\0" * 999 + b"\0") * 101,
        files.gif((2, 2), (0, 0, 2, 2), [0] * 4, tail=b"\x21\xfe\1\0\0" * 100_001),
        iloc_of_nothing(),
        files.encode(files.quadrants(), "AVIF") + b"\0\0\0\x08free" * 100_001,
    ],
    ids=["JPEG", "PNG", "WebP", "GIF", "GIF extensions", "GIF tail", "AVIF iloc", "AVIF"],
)
def test_a_hundred_thousand_parts_are_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptPicture, match="parts"):
        read_picture(data, CONTRACT)


def test_avif_tiles_that_lie_over_each_other_are_corrupt() -> None:
    tile = files.encode(np.zeros((64, 64, 3), np.uint8), "AVIF")
    data = files.grid([tile] * 64, 8, 64)
    assert read_picture(data, CONTRACT).shape == (32, 32, 3)
    stream = len(files.body_of(tile, b"mdat"))
    with pytest.raises(CorruptPicture, match="over each other"):
        read_picture(data.replace(struct.pack(">I", stream), bytes(4)), CONTRACT)


def test_an_avif_of_many_units_is_corrupt() -> None:
    tile = files.encode(np.zeros((64, 64, 3), np.uint8), "AVIF")
    body = files.body_of(tile, b"mdat")
    padded = tile.replace(body, body + b"\x12\0" * 300)
    padded = padded.replace(struct.pack(">I", len(body)), struct.pack(">I", len(body) + 600))
    padded = padded.replace(
        struct.pack(">I4s", len(body) + 8, b"mdat"), struct.pack(">I4s", len(body) + 608, b"mdat")
    )
    with pytest.raises(CorruptPicture, match="units"):
        read_picture(padded, CONTRACT)


def damaged_png() -> bytes:
    data = bytearray(files.encode(files.quadrants(), "PNG"))
    data[data.index(b"IDAT") + 8] ^= 0xFF
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        damaged_png(),
        files.png(2, 2, 7, 2, b""),
        files.png(2, 2, 8, 5, b""),
        files.flat_jpeg(16, 16)[:2] + b"\xff\xd9",
        files.flat_jpeg(16, 16)[:2] * 2 + files.flat_jpeg(16, 16)[2:],
        files.flat_jpeg(16, 16)[:2] + b"\xff\xfe\0\0" + files.flat_jpeg(16, 16)[2:],
        files.gif((2, 2), (0, 0, 2, 2), [0, 0]),
        b"GIF89a\2\0\2\0\0\0\0;",
        files.riff(files.webp_chunk(b"VP8L", b"\x2e\0\0\0\0")),
        files.riff(files.webp_chunk(b"VP8L", b"\x2f\1\1\0\0")),
        files.encode(files.quadrants(), "AVIF").replace(b"ispe", b"free"),
    ],
)
def test_what_is_wrong_inside_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptPicture, match=r"is damaged \(.+\): send an intact file"):
        read_picture(data, CONTRACT)


def test_cut_off_is_told_from_damaged() -> None:
    with pytest.raises(TruncatedPicture, match="send the whole file"):
        read_picture(files.encode(files.quadrants(), "PNG")[:-20], CONTRACT)


@pytest.mark.parametrize("marker", [0xE0, 0xDB, 0xFE])
def test_a_jpeg_cannot_reach_the_avif_decoder(marker: int) -> None:
    """OpenCV takes these bytes for an AVIF, since libavif is asked before libjpeg."""
    jpeg = files.flat_jpeg(16, 16, (50,))
    table = bytes([0x79, 0x70, *[1] * 63])  # "yp" as the head of a quantisation table
    body = (table if marker == 0xDB else b"ypavif").ljust(0x6674 - 2, b"\0")
    data = jpeg[:2] + bytes((0xFF, marker)) + b"ft" + body + jpeg[2:]
    assert data[4:8] == b"ftyp"
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is None
    parsed = parse_jpeg(data)
    assert parsed.header.format == "JPEG"
    assert parsed.stream[4:8] != b"ftyp"


def test_a_jpeg_with_avif_s_signature_inside_is_read() -> None:
    jpeg = files.flat_jpeg(16, 16, (50,))
    data = jpeg[:2] + b"\xff\xfeft" + b"ypavif".ljust(0x6674 - 2, b"\0") + jpeg[2:]
    assert np.all(read_picture(data, CONTRACT) == 178)
