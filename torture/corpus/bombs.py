"""Small files that want much: by the size that they claim, or by what they decompress to."""

import struct
import zlib
from collections.abc import Iterator
from functools import partial

from lookalike.errors import BadDimensions, CorruptPicture, PictureTooLarge
from torture import files
from torture.case import DAMAGED, READ, PictureCase, refused
from torture.files.webp import canvas, lossless_header, lossy_header

_TOO_LARGE = refused(PictureTooLarge)
_HUGE, _MOST = 65_535, 0x7FFFFFFF
_ENTROPY = b"\x55" * 64


def bombs() -> Iterator[PictureCase]:
    """Give what a header or a decompressor is to be ruined by."""
    yield from _dimensions()
    yield from _areas_of_zero()
    yield from _compression()
    yield from _at_the_limit()


def _dimensions() -> Iterator[PictureCase]:
    for bits, kind in ((1, 0), (8, 0), (8, 2), (8, 3), (16, 4), (16, 6)):
        yield PictureCase(
            f"bombs/png-{bits}-bits-kind-{kind}",
            "60,000 by 60,000 pixels in a hundred bytes",
            _TOO_LARGE,
            partial(files.png, 60_000, 60_000, bits, kind, b""),
        )
    yield PictureCase(
        "bombs/png-largest",
        "2,147,483,647 by 2,147,483,647, the most that IHDR holds",
        _TOO_LARGE,
        lambda: files.png(_MOST, _MOST, 16, 6, b"", interlace=1),
    )
    yield PictureCase(
        "bombs/png-over-the-largest",
        "a width of 4,294,967,295, which is -1 to a decoder that is not careful",
        _TOO_LARGE | DAMAGED,
        lambda: files.png(0xFFFFFFFF, 1, 8, 2, b""),
    )
    for frame, name in ((0xC0, "baseline"), (0xC1, "extended"), (0xC2, "progressive")):
        for channels in (1, 3, 4):
            yield PictureCase(
                f"bombs/jpeg-{name}-{channels}-channels",
                "65,500 by 65,500 pixels, and a few bytes of data",
                _TOO_LARGE,
                partial(_jpeg_of, 65_500, 65_500, frame, channels),
            )
    yield PictureCase(
        "bombs/gif-canvas",
        "a frame of 2 by 2 on a screen of 65,535 by 65,535",
        _TOO_LARGE,
        lambda: files.gif((_HUGE, _HUGE), (0, 0, 2, 2), [0] * 4),
    )
    yield PictureCase(
        "bombs/gif-frame",
        "a frame of 65,535 by 65,535 on a screen of 1 by 1",
        _TOO_LARGE,
        lambda: files.gif((1, 1), (0, 0, _HUGE, _HUGE), [0] * 4),
    )
    yield PictureCase(
        "bombs/gif-place",
        "a frame of 1 by 1 at 65,534 by 65,534",
        _TOO_LARGE,
        lambda: files.gif((1, 1), (_HUGE - 1, _HUGE - 1, 1, 1), [0]),
    )
    yield PictureCase(
        "bombs/webp-lossy",
        "16,383 by 16,383 pixels in fifty bytes",
        _TOO_LARGE,
        lambda: files.riff(files.webp_chunk(b"VP8 ", lossy_header(16_383, 16_383) + _ENTROPY)),
    )
    yield PictureCase(
        "bombs/webp-lossless",
        "16,384 by 16,384 pixels in fifty bytes",
        _TOO_LARGE,
        lambda: files.riff(files.webp_chunk(b"VP8L", lossless_header(16_384, 16_384) + _ENTROPY)),
    )
    yield PictureCase(
        "bombs/webp-canvas",
        "a frame of 8 by 8 on a canvas of 16,777,216 by 16,777,216",
        _TOO_LARGE,
        lambda: _webp_on(1 << 24),
    )
    for bits, compression in ((1, 0), (4, 2), (8, 1), (24, 0), (32, 0)):
        yield PictureCase(
            f"bombs/bmp-{bits}-bits-compression-{compression}",
            "2,147,483,647 by 2,147,483,647 pixels in a hundred bytes",
            _TOO_LARGE | DAMAGED,
            partial(files.bmp, _MOST, _MOST, bits, bytes(64), compression=compression),
        )
    yield PictureCase(
        "bombs/bmp-run-lengths",
        "30,000 by 30,000 pixels, all in one end-of-picture escape",
        _TOO_LARGE,
        lambda: files.bmp(30_000, 30_000, 8, b"\0\1", compression=1, palette=bytes(1024)),
    )
    yield PictureCase(
        "bombs/avif-box",
        "the box says 65,535 by 65,535, the bitstream 64 by 48",
        refused(PictureTooLarge, CorruptPicture),
        lambda: _avif_of(_HUGE, _HUGE),
    )
    yield PictureCase(
        "bombs/avif-grid",
        "256 tiles in one place, each of 64 by 64: a file of a few hundred bytes",
        DAMAGED,
        _overlaid_grid,
    )


def _areas_of_zero() -> Iterator[PictureCase]:
    nothing = refused(BadDimensions)
    makers = {
        "jpeg-width": lambda: files.flat_jpeg(0, 8),
        "jpeg-height": lambda: files.flat_jpeg(8, 0),  # as where a DNL segment would say it
        "jpeg-both": lambda: files.flat_jpeg(0, 0),
        "png-width": lambda: files.png(0, 8, 8, 2, b""),
        "png-height": lambda: files.png(8, 0, 8, 2, b""),
        "png-both": lambda: files.png(0, 0, 8, 2, b""),
        "bmp-width": lambda: files.bmp(0, 4, 24, b""),
        "bmp-height": lambda: files.bmp(4, 0, 24, b""),
        "bmp-negative": lambda: files.bmp(-4, 4, 24, bytes(64)),
        "bmp-lowest": lambda: files.bmp(-0x80000000, -0x80000000, 24, bytes(64)),
        "gif-width": lambda: files.gif((2, 2), (0, 0, 0, 2), []),
        "gif-height": lambda: files.gif((2, 2), (0, 0, 2, 0), []),
        "webp-lossy": lambda: files.riff(files.webp_chunk(b"VP8 ", lossy_header(0, 0))),
        "avif-box": lambda: _avif_of(0, 48),
    }
    for name, make in makers.items():
        yield PictureCase(f"bombs/zero-{name}", "a side of zero", nothing, make)


def _compression() -> Iterator[PictureCase]:
    yield PictureCase(
        "bombs/png-pixels-of-4-gigabytes",
        "4 MB that inflate to 4 GB, in a picture of 8 by 8",
        refused(CorruptPicture),
        lambda: files.png(8, 8, 8, 2, b"", deflated=files.deflated_zeros(4 << 30)),
    )
    yield PictureCase(
        "bombs/png-pixels-of-half-a-gigabyte",
        "half a MB that inflates to half a GB: just what is let through without a look",
        READ | DAMAGED,
        lambda: files.png(8, 8, 8, 2, b"", deflated=files.deflated_zeros(500_000_000)),
    )
    for kind in (b"zTXt", b"iCCP", b"iTXt"):
        start = {b"iTXt": b"name\0\1\0\0\0"}.get(kind, b"name\0\0")
        yield PictureCase(
            f"bombs/png-{kind.decode().lower()}",
            "a chunk beside the pixels that inflates to 4 GB",
            READ,
            partial(_png_with_zeros, kind, start),
        )
    yield PictureCase(
        "bombs/png-stream-in-stream",
        "pixels that inflate to a stream that inflates to 100 MB",
        READ | DAMAGED,
        lambda: files.png(8, 8, 8, 2, zlib.compress(bytes(100_000_000), 9)),
    )
    yield PictureCase(
        "bombs/gif-clear-codes",
        "a megabyte of clear codes, each of which rebuilds the decoder's table",
        _TOO_LARGE,
        lambda: _gif_of_codes(4),
    )
    yield PictureCase(
        "bombs/gif-end-codes",
        "a megabyte of end codes, after which the data goes on",
        _TOO_LARGE,
        lambda: _gif_of_codes(5),
    )
    for scans in (100, 1000):
        yield PictureCase(
            f"bombs/jpeg-{scans}-scans",
            "scan after scan over the same pixels",
            _TOO_LARGE,
            partial(files.flat_jpeg, 16, 16, frame=0xC2, scans=scans),
        )
    yield PictureCase(
        "bombs/jpeg-60-scans-of-64-megapixels",
        "few enough scans and pixels, but not both",
        _TOO_LARGE,
        lambda: files.flat_jpeg(8000, 8000, frame=0xC2, scans=60),
    )


def _at_the_limit() -> Iterator[PictureCase]:
    """Give the costliest pictures that are read."""
    yield PictureCase(
        "bombs/limit-jpeg-100-megapixels",
        "progressive, 10,000 by 10,000: as many coefficients as fit",
        READ,
        lambda: files.flat_jpeg(10_000, 10_000, frame=0xC2, scans=9),
    )
    yield PictureCase(
        "bombs/limit-jpeg-24-scans",
        "as many scans of 10,000 by 10,000 as are allowed",
        READ,
        lambda: files.flat_jpeg(10_000, 10_000, frame=0xC2, scans=24),
    )
    for frame, name in ((0xC0, "baseline"), (0xC1, "extended")):
        yield PictureCase(
            f"bombs/limit-jpeg-{name}-gigapixel",
            "35,000 by 35,000 grey pixels in 150 bytes, decoded at an eighth",
            READ,
            partial(_jpeg_of, 35_000, 35_000, frame, 1),
        )
    yield PictureCase(
        "bombs/limit-png-1-bit",
        "11,000 by 11,000 pixels of one bit",
        READ,
        lambda: files.png(11_000, 11_000, 1, 0, b"", deflated=files.deflated_zeros(1376 * 11_000)),
    )
    yield PictureCase(
        "bombs/limit-png-interlaced-16-bits",
        "4,000 by 3,900 pixels of eight bytes, in seven passes",
        READ,
        lambda: files.png(
            4000, 3900, 16, 6, b"", deflated=files.deflated_zeros(2 * 32_001 * 3900), interlace=1
        ),
    )
    yield PictureCase(
        "bombs/limit-gif",
        "a frame of 4 pixels on a screen of 9,000 by 9,000",
        READ,
        lambda: files.gif((9000, 9000), (8990, 8990, 2, 2), [0, 1, 2, 3]),
    )
    yield PictureCase(
        "bombs/limit-bmp-run-lengths",
        "6,500 by 6,500 pixels, all in one end-of-picture escape",
        READ | DAMAGED,
        lambda: files.bmp(6500, 6500, 8, b"\0\1", compression=1, palette=bytes(1024)),
    )


def _jpeg_of(width: int, height: int, frame: int, channels: int) -> bytes:
    """Write a JPEG that has the data of 8 by 8 pixels, whatever it says."""
    size = struct.pack(">HH", height, width)
    whole = files.flat_jpeg(8, 8, (0,) * channels, frame=frame)
    return whole.replace(struct.pack(">HHB", 8, 8, channels), size + bytes((channels,)), 1)


def _webp_on(side: int) -> bytes:
    frame = files.riff(files.webp_chunk(b"VP8L", lossless_header(8, 8) + _ENTROPY))
    small = files.animated_webp((8, 8), 0, 0, frame)
    return small.replace(b"\x02\0\0\0" + canvas(8, 8), b"\x02\0\0\0" + canvas(side, side), 1)


def _avif_of(width: int, height: int) -> bytes:
    whole = files.encode(files.quadrants(), "AVIF")
    return whole.replace(struct.pack(">II", 64, 48), struct.pack(">II", width, height))


def _overlaid_grid() -> bytes:
    tile = files.encode(files.quadrants(64, 64), "AVIF")
    length = struct.pack(">I", len(files.body_of(tile, b"mdat")))
    return files.grid([tile] * 256, 16, 64).replace(length, bytes(4))


def _png_with_zeros(kind: bytes, start: bytes) -> bytes:
    body = start + files.deflated_zeros(4 << 30)
    rows = (b"\0" + bytes(files.RED) * 2) * 2
    return files.png(2, 2, 8, 2, rows, before=[(kind, body)])


def _gif_of_codes(code: int) -> bytes:
    group = sum(code << 3 * place for place in range(8)).to_bytes(3, "little")
    blocks = b"\x02" + files.sub_blocks(group * 350_000)
    whole = files.gif((8, 8), (0, 0, 8, 8), [0] * 64)
    return whole.replace(files.lzw_blocks([0] * 64), blocks)
