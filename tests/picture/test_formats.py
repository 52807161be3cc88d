"""Every format and variant gives the pixels that it shows."""

import struct
import zlib

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from lookalike.errors import UnsupportedFormat
from lookalike.picture import Format, PictureContract, inspect_picture, read_picture
from torture import files
from torture.files import BLUE, GREEN, RED, YELLOW

SQUARE = PictureContract(size=32, fit="stretch")


def corners(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The middles of the four quadrants, row by row."""
    low, high = len(pixels) // 4, 3 * len(pixels) // 4
    return pixels[[low, low, high, high], [low, high, low, high]].astype(np.int64)


def shows(data: bytes, *colours: tuple[int, int, int], within: int = 0) -> None:
    """Hold that the four quadrants of the picture have these colours."""
    expected = np.array(colours if len(colours) == 4 else colours * 4)
    found = corners(read_picture(data, SQUARE))
    assert np.abs(found - expected).max() <= within, found


@pytest.mark.parametrize(
    ("name", "parameters", "within"),
    [
        ("PNG", (), 0),
        ("BMP", (), 0),
        ("GIF", (), 4),  # OpenCV's encoder quantises
        ("WebP", (cv2.IMWRITE_WEBP_QUALITY, 101), 0),
        ("WebP", (cv2.IMWRITE_WEBP_QUALITY, 90), 8),
        ("JPEG", (cv2.IMWRITE_JPEG_QUALITY, 95), 4),
        ("JPEG", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), 4),
        ("AVIF", (cv2.IMWRITE_AVIF_SPEED, 9), 8),
        ("AVIF", (cv2.IMWRITE_AVIF_SPEED, 9, cv2.IMWRITE_AVIF_QUALITY, 100), 0),
    ],
)
def test_each_format_shows_its_colours_where_they_are(
    name: Format, parameters: tuple[int, ...], within: int
) -> None:
    data = files.encode(files.quadrants(), name, parameters)
    shows(data, RED, GREEN, BLUE, YELLOW, within=within)
    header = inspect_picture(data)
    assert (header.format, header.width, header.height) == (name, 64, 48)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "BMP", "AVIF", "WebP"])
def test_grey_is_grey(name: Format) -> None:
    data = files.encode(np.full((40, 40), 100, np.uint8), name)
    shows(data, (100, 100, 100), within=1)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_deep_avif_is_brought_to_eight_bits(bits: int, channels: tuple[int, ...]) -> None:
    highest = (1 << bits) - 1
    picture = np.full((40, 40, *channels), highest // 4, np.uint16)
    if channels == (4,):
        picture[..., 3] = highest
    parameters = (cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_SPEED, 9)
    data = files.encode(picture, "AVIF", parameters)
    shows(data, (64, 64, 64), within=1)
    assert inspect_picture(data).bits == bits


@pytest.mark.parametrize(("value", "shown"), [(0, 0), (128, 0), (129, 1), (1000, 4), (65535, 255)])
@pytest.mark.parametrize("kind", [0, 2])
def test_sixteen_bits_are_rounded_to_the_nearest_eight(kind: int, value: int, shown: int) -> None:
    samples = 1 if kind == 0 else 3
    rows = (b"\0" + struct.pack(">H", value) * samples * 8) * 8
    shows(files.png(8, 8, 16, kind, rows), (shown, shown, shown))


@pytest.mark.parametrize(
    ("bits", "row", "shown"), [(1, b"\xff", 255), (2, b"\x55\x55", 85), (4, b"\x44" * 4, 68)]
)
def test_small_depths_of_grey_are_widened(bits: int, row: bytes, shown: int) -> None:
    shows(files.png(8, 8, bits, 0, (b"\0" + row) * 8), (shown, shown, shown))


def test_palettes_are_expanded() -> None:
    palette = (b"PLTE", bytes(RED + GREEN + BLUE + YELLOW))
    rows = (b"\0\0\0\x55\x55") * 8 + (b"\0\xaa\xaa\xff\xff") * 8
    shows(files.png(16, 16, 2, 3, rows, before=[palette]), RED, GREEN, BLUE, YELLOW)


def test_interlaced_png_is_read_whole() -> None:
    ihdr = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 1)
    chunks = ((b"IHDR", ihdr), (b"IDAT", zlib.compress(b"\0" + bytes(GREEN))), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(files.png_chunk(*chunk) for chunk in chunks)
    assert inspect_picture(data).progressive
    shows(data, GREEN)


@pytest.mark.parametrize(
    ("ink", "adobe", "shown"),
    [
        ((127, 127, 127, 127), 0, (255, 255, 255)),  # Adobe stores CMYK inverted: no ink
        ((-128, 127, 127, 127), 0, (0, 255, 255)),
        ((127, -128, 127, 127), 0, (255, 0, 255)),
        ((127, 127, -128, 127), 0, (255, 255, 0)),
        ((127, 127, 127, -128), 0, (0, 0, 0)),
        ((127, 0, 0, 127), 2, (0, 0, 0)),  # YCCK: Y is of the inverted inks
        ((-128, 0, 0, 127), 2, (255, 255, 255)),
    ],
)
def test_cmyk_jpegs_become_rgb(
    ink: tuple[int, ...], adobe: int, shown: tuple[int, int, int]
) -> None:
    data = files.flat_jpeg(32, 32, ink, adobe=adobe)
    shows(data, shown, within=1)
    assert inspect_picture(data).channels == 4


@pytest.mark.parametrize("sampling_height", [17, 32])
def test_progressive_jpeg_with_empty_scans_is_flat(sampling_height: int) -> None:
    data = files.flat_jpeg(40, sampling_height, (20,), frame=0xC2, scans=3)
    shows(data, (148, 148, 148))
    header = inspect_picture(data)
    assert header.progressive
    assert header.scans == 4


BGR = bytes((1, 2, 3))
PALETTE = bytes((0, 0, 0, 0, 3, 2, 1, 0)).ljust(1024, b"\0")
BMPS = {
    "24 bits": (files.bmp(4, 4, 24, BGR * 16), (3, 2, 1)),
    "top down": (files.bmp(4, -4, 24, BGR * 16), (3, 2, 1)),
    "palette": (files.bmp(4, 4, 8, b"\1" * 16, palette=PALETTE), (1, 2, 3)),
    "run lengths": (
        files.bmp(8, 2, 8, b"\x08\1\0\0\x08\1\0\1", compression=1, palette=PALETTE),
        (1, 2, 3),
    ),
    "15 bits": (files.bmp(4, 4, 16, struct.pack("<H", 0x7C00) * 16), (248, 0, 0)),
    "16 bits": (
        files.bmp(4, 4, 16, b"\xe0\7" * 16, compression=3, masks=(0xF800, 0x7E0, 0x1F)),
        (0, 252, 0),
    ),
    "32 bits": (files.bmp(4, 4, 32, (BGR + b"\0") * 16), (3, 2, 1)),
    "masks": (
        files.bmp(4, 4, 32, (BGR + b"\0") * 16, compression=3, masks=(0xFF0000, 0xFF00, 0xFF)),
        (3, 2, 1),
    ),
    "masks of RGB": (
        files.bmp(
            4,
            4,
            32,
            (BGR + b"\0") * 16,
            header_bytes=56,
            compression=3,
            masks=(0xFF, 0xFF00, 0xFF0000),
        ),
        (1, 2, 3),
    ),
}


@pytest.mark.parametrize(("data", "shown"), BMPS.values(), ids=BMPS)
def test_kinds_of_bmp(data: bytes, shown: tuple[int, int, int]) -> None:
    shows(data, shown)


@pytest.mark.parametrize("masks", [(0x3FF00000, 0xFFC00, 0x3FF), (0xFF, 0xFF00, 0xFF0000)])
def test_bmp_with_unusual_masks_is_refused(masks: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedFormat, match="masks"):
        read_picture(files.bmp(4, 4, 32, bytes(64), compression=3, masks=masks), SQUARE)


def test_gif_frame_lies_where_it_says_on_white() -> None:
    data = files.gif((4, 4), (2, 2, 2, 2), [1] * 4)
    shows(data, (255, 255, 255), (255, 255, 255), (255, 255, 255), GREEN)


def test_gif_frame_larger_than_its_screen_is_shown_whole() -> None:
    data = files.gif((1, 1), (0, 0, 2, 2), [0, 1, 2, 3])
    header = inspect_picture(data)
    assert (header.width, header.height) == (2, 2)


def test_an_animation_shows_its_first_frame() -> None:
    second = b"," + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + files.lzw_blocks([1] * 4) + b";"
    data = files.gif((2, 2), (0, 0, 2, 2), [0] * 4, tail=second)
    assert inspect_picture(data).animated
    shows(data, RED)


def test_an_animated_png_shows_its_still_picture() -> None:
    rows = (b"\0" + bytes(RED) * 2) * 2
    first = struct.pack(">IIIIIHHBB", 0, 2, 2, 0, 0, 1, 10, 0, 0)
    second = struct.pack(">IIIIIHHBB", 1, 2, 2, 0, 0, 1, 10, 0, 0)
    data = files.png(
        2, 2, 8, 2, rows,
        before=[(b"acTL", struct.pack(">II", 2, 0)), (b"fcTL", first)],
        after=[
            (b"fcTL", second),
            (b"fdAT", struct.pack(">I", 2) + zlib.compress((b"\0" + bytes(GREEN) * 2) * 2)),
        ],
    )  # fmt: skip
    assert inspect_picture(data).animated
    shows(data, RED)


def test_an_animated_webp_shows_its_first_frame_in_its_place() -> None:
    lossless = (cv2.IMWRITE_WEBP_QUALITY, 101)
    frame = files.encode(np.full((8, 8, 3), BLUE, np.uint8), "WebP", lossless)
    data = files.animated_webp((16, 16), 8, 0, frame)
    assert inspect_picture(data).animated
    shows(data, (255, 255, 255), BLUE, (255, 255, 255), (255, 255, 255))


@pytest.mark.parametrize("name", ["AVIF", "PNG", "WebP"])
def test_opencv_s_own_animations_show_their_first_frame(name: Format) -> None:
    animation = cv2.Animation()
    animation.frames = [np.full((40, 40, 3), colour[::-1], np.uint8) for colour in (RED, GREEN)]
    animation.durations = [100, 100]
    done, data = cv2.imencodeanimation(files.EXTENSIONS[name], animation)
    assert done
    assert inspect_picture(data.tobytes()).animated
    shows(data.tobytes(), RED, within=4)


def test_greys_of_avif_in_video_range_are_widened() -> None:
    data = files.encode(np.full((40, 40), 100, np.uint8), "AVIF")
    full = data.index(b"nclx") + 4 + 6
    assert data[full] == 0x80
    data = data[:full] + b"\0" + data[full + 1 :]
    shows(data, (98, 98, 98), within=1)  # (100 - 16) * 255 / 219


def test_a_grid_of_avif_tiles_is_one_picture() -> None:
    tiles = [
        files.encode(np.full((64, 64, 3), colour, np.uint8), "AVIF")
        for colour in (RED, GREEN, BLUE, YELLOW)
    ]
    data = files.grid(tiles, 2, 64)
    header = inspect_picture(data)
    assert (header.width, header.height, header.coded_pixels) == (128, 128, 128 * 128)
    shows(data, RED, GREEN, BLUE, YELLOW, within=4)


def test_what_follows_the_picture_does_not_matter() -> None:
    for name in files.EXTENSIONS:
        data = files.encode(files.quadrants(), name)
        if name != "AVIF":  # whose boxes are all of the file
            plain, longer = read_picture(data, SQUARE), read_picture(data + b"PK\3\4" * 99, SQUARE)
            assert np.array_equal(plain, longer)


def test_metadata_does_not_matter() -> None:
    rows = (b"\0" + bytes(RED) * 2) * 2
    bomb = b"name\0\0" + zlib.compress(bytes(50_000_000), 9)
    data = files.png(
        2, 2, 8, 2, rows, before=[(b"iCCP", bomb), (b"zTXt", bomb)], after=[(b"tEXt", b"a\0b")]
    )
    shows(data, RED)
    jpeg = files.flat_jpeg(16, 16, (0,))
    noisy = jpeg[:2] + files.jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes(9)) * 50 + jpeg[2:]
    assert np.array_equal(read_picture(jpeg, SQUARE), read_picture(noisy, SQUARE))


@pytest.mark.parametrize(("frame", "bits"), [(0xC3, 8), (0xC9, 8), (0xC1, 12)])
def test_jpegs_that_are_no_plain_jpegs_are_refused(frame: int, bits: int) -> None:
    with pytest.raises(UnsupportedFormat, match="JPEG"):
        read_picture(files.flat_jpeg(16, 16, frame=frame, bits=bits), SQUARE)
