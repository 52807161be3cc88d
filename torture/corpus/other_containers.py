"""GIFs, BMPs and WebPs that are wrong inside."""

import struct
from collections.abc import Iterator

from lookalike.errors import BadDimensions, CorruptPicture, PictureTooLarge, UnsupportedFormat
from torture import files
from torture.case import DAMAGED, READ, Expected, PictureCase, fixed, refused
from torture.files.samples import PALETTE
from torture.files.webp import canvas, lossless_header, lossy_header

_CORRUPT = refused(CorruptPicture)
_EITHER = READ | DAMAGED


def gif_containers() -> Iterator[PictureCase]:
    """Give broken GIFs."""
    whole = files.gif((4, 4), (0, 0, 4, 4), [0, 1, 2, 3] * 4)
    lzw = files.lzw_blocks([0, 1, 2, 3] * 4)

    def with_codes(codes: bytes) -> bytes:
        return whole.replace(lzw, codes)

    cases: dict[str, tuple[str, Expected, bytes]] = {
        "no-image": ("a screen and no image", _CORRUPT, b"GIF89a\2\0\2\0\0\0\0;"),
        "no-table": ("no table of colours at all", _EITHER, _gif_without_table()),
        "no-data": ("an image without data", _EITHER, with_codes(b"\2\0")),
        "half-the-pixels": (
            "half of the pixels", _EITHER, with_codes(files.lzw_blocks([0, 1, 2, 3] * 2)),
        ),
        "too-many-pixels": (
            "more data than pixels", refused(PictureTooLarge) | _EITHER,
            with_codes(files.lzw_blocks([0, 1, 2, 3] * 400)),
        ),
        "code-of-the-future": (
            "a code that the table has not yet", _EITHER, with_codes(b"\2\2\x3c\xff\0"),
        ),
        "parts-100000": (
            "100,001 blocks of one byte", _CORRUPT, with_codes(b"\2" + b"\1\0" * 100_001),
        ),
        "unknown-block": ("a block that is none", _CORRUPT, whole.replace(b",", b"?", 1)),
        "comments": (
            "60,000 comments before the image", _EITHER,
            whole.replace(b",", b"\x21\xfe\1a\0" * 30_000 + b",", 1),
        ),
        "colour-outside": (
            "a transparent colour that the table has not", READ,
            files.gif((2, 2), (0, 0, 2, 2), [0] * 4, transparent=255),
        ),
    }  # fmt: skip
    for bits in (0, 1, 9, 12, 255):
        data = with_codes(bytes((bits,)) + lzw[1:])
        cases[f"code-size-{bits}"] = ("a code size that is not 2 to 8", _CORRUPT, data)
    yield from _cases("gif", cases)


def bmp_containers() -> Iterator[PictureCase]:
    """Give broken BMPs."""
    unread = refused(UnsupportedFormat)
    plain = files.bmp(4, 4, 24, bytes(48))

    def changed(place: int, layout: str, value: int) -> bytes:
        size = struct.calcsize(layout)
        return plain[:place] + struct.pack(layout, value) + plain[place + size :]

    cases: dict[str, tuple[str, Expected, bytes]] = {
        "offset-0": ("pixels that begin in the header", _CORRUPT, changed(10, "<I", 0)),
        "offset-past-the-end": ("pixels past the end", DAMAGED, changed(10, "<I", 0xFFFFFFFF)),
        "file-size-0": ("a file of no bytes, by its header", READ, changed(2, "<I", 0)),
        "planes-0": ("no planes", READ, changed(26, "<H", 0)),
        "colours-absurd": (
            "a palette of 4,294,967,295 colours", _EITHER,
            _palette_of(0xFFFFFFFF),
        ),
        "colours-257": ("a palette of 257 colours", _EITHER, _palette_of(257)),
        "colours-negative": ("a palette of -1 colours", _EITHER, _palette_of(0x80000000)),
        "masks-odd": (
            "masks over half bytes", unread,
            files.bmp(4, 4, 32, bytes(64), compression=3, masks=(0x3FF00000, 0xFFC00, 0x3FF)),
        ),
        "masks-of-zero": (
            "masks of no bits", unread,
            files.bmp(4, 4, 16, bytes(32), compression=3, masks=(0, 0, 0)),
        ),
        "run-past-the-row": (
            "runs that go past their row", _EITHER,
            files.bmp(4, 4, 8, b"\xff\1" * 99, compression=1, palette=PALETTE),
        ),
        "run-moves-away": (
            "escapes that move out of the picture", _EITHER,
            files.bmp(4, 4, 8, b"\0\2\xff\xff" * 99 + b"\1\1\0\1", compression=1, palette=PALETTE),
        ),
        "run-without-an-end": (
            "an escape of 255 pixels, of which none are there", _EITHER,
            files.bmp(4, 4, 8, b"\0\xff", compression=1, palette=PALETTE),
        ),
        "height-lowest": (
            "a height of -2,147,483,648", refused(PictureTooLarge, BadDimensions) | DAMAGED,
            changed(22, "<i", -0x80000000),
        ),
    }  # fmt: skip
    for bits in (0, 2, 3, 48, 64, 65_535):
        cases[f"{bits}-bits"] = ("a depth that is not read", unread, changed(28, "<H", bits))
    for compression in (4, 5, 6, 11, 0xFFFFFFFF):
        data = changed(30, "<I", compression)
        cases[f"compression-{compression}"] = ("a coding that is not read", unread, data)
    for length in (12, 16, 39, 64, 108, 124):
        data = changed(14, "<I", length)
        expected = _EITHER | unread | refused(BadDimensions, PictureTooLarge)
        cases[f"header-of-{length}"] = ("a header of another length", expected, data)
    yield from _cases("bmp", cases)


def webp_containers() -> Iterator[PictureCase]:
    """Give broken WebPs."""
    chunk, riff = files.webp_chunk, files.riff
    intact = files.encode(files.quadrants(), "WebP")
    extended = chunk(b"VP8X", bytes(4) + canvas(64, 48))
    other = chunk(b"VP8X", bytes(4) + canvas(63, 48))
    lossless = chunk(b"VP8L", lossless_header(8, 8) + b"\x55" * 20)
    cases: dict[str, tuple[str, Expected, bytes]] = {
        "canvas-mismatch": ("a canvas of another size", _CORRUPT, riff(other, intact[12:])),
        "canvas-alone": ("a canvas and no picture", DAMAGED, riff(extended)),
        "canvas-twice": ("two canvases", READ, riff(extended, extended, intact[12:])),
        "canvas-short": ("a canvas of three bytes", DAMAGED, riff(chunk(b"VP8X", bytes(3)))),
        "riff-size-0": ("a file of no bytes", DAMAGED, intact[:4] + bytes(4) + intact[8:]),
        "riff-size-absurd": (
            "a file of 4 GB, by its header", DAMAGED, intact[:4] + b"\xff" * 4 + intact[8:],
        ),
        "chunk-size-absurd": (
            "a chunk of 4 GB", DAMAGED, intact[:16] + b"\xff" * 4 + intact[20:],
        ),
        "no-key-frame": (
            "a frame that builds on another", _CORRUPT,
            riff(chunk(b"VP8 ", b"\x11" + lossy_header(8, 8)[1:] + bytes(20))),
        ),
        "lossy-signature": (
            "a start code that is wrong", _CORRUPT,
            riff(chunk(b"VP8 ", b"\x10\0\0\1\2\3\x08\0\x08\0" + bytes(20))),
        ),
        "lossless-signature": ("a signature that is wrong", _CORRUPT,
            riff(chunk(b"VP8L", b"\x2e" + lossless_header(8, 8)[1:] + bytes(20)))),
        "lossless-garbage": ("codes of nothing", _EITHER, riff(lossless)),
        "lossy-garbage": (
            "partitions of nothing", _EITHER,
            riff(chunk(b"VP8 ", lossy_header(8, 8) + b"\xff" * 40)),
        ),
        "alpha-garbage": (
            "an alpha plane of nothing", _EITHER,
            riff(chunk(b"VP8X", b"\x10\0\0\0" + canvas(64, 48)), chunk(b"ALPH", b"\x01\xff\xff"),
                 intact[12:]),
        ),
        "frame-outside": (
            "a first frame outside its canvas", _CORRUPT,
            files.animated_webp((8, 8), 200, 0, riff(lossless)),
        ),
        "frame-empty": (
            "a first frame without a picture", DAMAGED,
            riff(chunk(b"VP8X", b"\x02\0\0\0" + canvas(8, 8)), chunk(b"ANIM", bytes(6)),
                 chunk(b"ANMF", bytes(16))),
        ),
        "parts-100000": (
            "100,001 empty chunks", _CORRUPT,
            riff(extended, chunk(b"JUNK", b"") * 100_001),
        ),
    }  # fmt: skip
    yield from _cases("webp", cases)


def _cases(kind: str, cases: dict[str, tuple[str, Expected, bytes]]) -> Iterator[PictureCase]:
    for name, (why, expected, data) in cases.items():
        yield fixed(f"{kind}/{name}", why, expected, data)


def _gif_without_table() -> bytes:
    image = b"," + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + files.lzw_blocks([0] * 4)
    return b"GIF89a\2\0\2\0\0\0\0" + image + b";"


def _palette_of(colours: int) -> bytes:
    whole = files.bmp(4, 4, 8, bytes(16), palette=PALETTE)
    return whole[:46] + struct.pack("<I", colours) + whole[50:]
