"""Pictures that are unusual and right: they must be read."""

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np

from torture import files
from torture.case import READ, PictureCase
from torture.files.samples import PALETTE, samples

_LONG = 65_535
_LOSSLESS = (cv2.IMWRITE_WEBP_QUALITY, 101)


def variants() -> Iterator[PictureCase]:
    """Give one of each kind that a decoder may fall over."""
    for name in samples():
        yield PictureCase(
            f"variants/{name.lower().replace(' ', '-')}",
            "intact, so that what is refused is not refused for another reason",
            READ,
            partial(samples().__getitem__, name),
        )
    for why, makers in (
        ("a side of one pixel", _thin()),
        ("a depth or a coding that is rare", _depths()),
        ("further frames", _animations()),
        ("inks in place of light", _inks()),
    ):
        for name, make in makers.items():
            yield PictureCase(f"variants/{name}", why, READ, make)


def _thin() -> dict[str, Callable[[], bytes]]:
    return {
        "png-1-by-65535": lambda: files.png(1, _LONG, 8, 2, bytes(4 * _LONG)),
        "png-65535-by-1": lambda: files.png(_LONG, 1, 8, 2, bytes(1 + 3 * _LONG)),
        "png-1-by-1000000": lambda: files.png(1, 1_000_000, 1, 0, bytes(2_000_000)),
        "jpeg-1-by-65500": lambda: files.flat_jpeg(1, 65_500),
        "jpeg-65500-by-1": lambda: files.flat_jpeg(65_500, 1, frame=0xC2, scans=2),
        "gif-1-by-65535": lambda: files.encode(np.zeros((_LONG, 1, 3), np.uint8), "GIF"),
        "gif-65535-by-1": lambda: files.encode(np.zeros((1, _LONG, 3), np.uint8), "GIF"),
        "bmp-1-by-65535": lambda: files.bmp(1, _LONG, 24, bytes(4 * _LONG)),
        "bmp-65535-by-1": lambda: files.bmp(_LONG, 1, 24, bytes(3 * _LONG + 3)),
        "webp-1-by-16383": lambda: files.encode(np.zeros((16_383, 1, 3), np.uint8), "WebP"),
        "avif-1-by-1": lambda: files.encode(np.zeros((1, 1, 3), np.uint8), "AVIF"),
        "png-1-by-1": lambda: files.png(1, 1, 16, 6, bytes(9)),
    }


def _depths() -> dict[str, Callable[[], bytes]]:
    makers: dict[str, Callable[[], bytes]] = {}
    samples_of = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
    for bits, kind in ((1, 0), (2, 0), (4, 0), (16, 0), (16, 2), (16, 4), (16, 6), (4, 3)):
        # Adam7 has more rows than the picture; zeros past the last one do not matter.
        rows = bytes(2 * 16 * (1 + 16 * samples_of[kind] * bits // 8))
        palette = [(b"PLTE", PALETTE[:48])] if kind == 3 else []
        for interlace in (0, 1) if bits == 16 else (0,):
            makers[f"png-{bits}-bits-kind-{kind}{'-interlaced' * interlace}"] = partial(
                files.png, 16, 16, bits, kind, rows, before=palette, interlace=interlace
            )
    makers["avif-10-bits"] = partial(_deep_avif, 10)
    makers["avif-12-bits"] = partial(_deep_avif, 12)
    makers["bmp-top-down"] = lambda: files.bmp(4, -4, 24, bytes(48))
    makers["bmp-1-bit"] = lambda: files.bmp(32, 4, 1, bytes(16), palette=PALETTE[:8])
    runs = b"\x08\1\0\0" * 8 + b"\0\1"
    for bits, compression, colours in ((8, 1, PALETTE), (4, 2, PALETTE[:64])):
        makers[f"bmp-run-lengths-of-{bits}-bits"] = partial(
            files.bmp, 8, 8, bits, runs, compression=compression, palette=colours
        )
    return makers


def _animations() -> dict[str, Callable[[], bytes]]:
    return {
        "gif-of-3000-frames": _long_gif,
        "gif-of-a-tiny-frame": lambda: files.gif((500, 500), (499, 499, 1, 1), [1]),
        "gif-with-transparency": lambda: files.gif((2, 2), (0, 0, 2, 2), [0] * 4, transparent=0),
        "webp-animated": lambda: files.animated_webp((64, 64), 8, 8, _blue_webp()),
        "png-animated": _animated_png,
        **{
            f"{suffix[1:]}-animated-by-opencv": partial(_animated, suffix)
            for suffix in (".avif", ".webp", ".gif", ".png")
        },
    }


def _inks() -> dict[str, Callable[[], bytes]]:
    return {
        f"jpeg-cmyk-{name}-{marker}": partial(
            files.flat_jpeg, 32, 32, (50, -50, 0, 100), frame=frame, adobe=adobe
        )
        for name, frame in (("baseline", 0xC0), ("progressive", 0xC2))
        for marker, adobe in (("unmarked", None), ("cmyk", 0), ("ycck", 2), ("unknown", 77))
    }


def _deep_avif(bits: int) -> bytes:
    deep = np.full((40, 40, 4), (1 << bits) - 1, np.uint16)
    return files.encode(deep, "AVIF", (cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_SPEED, 9))


def _long_gif() -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + files.lzw_blocks([1] * 4)
    return files.gif((2, 2), (0, 0, 2, 2), [0] * 4, tail=frame * 3000 + b";")


def _blue_webp() -> bytes:
    return files.encode(np.full((8, 8, 3), files.BLUE, np.uint8), "WebP", _LOSSLESS)


def _animated_png() -> bytes:
    rows = (b"\0" + bytes(files.RED) * 2) * 2
    frame = struct.pack(">IIIIIHHBB", 0, 2, 2, 0, 0, 1, 10, 0, 0)
    moved = struct.pack(">IIIIIHHBB", 1, 0x7FFFFFFF, 0x7FFFFFFF, 9, 9, 1, 10, 0, 0)
    return files.png(
        2, 2, 8, 2, rows,
        before=[(b"acTL", struct.pack(">II", 0x7FFFFFFF, 0)), (b"fcTL", frame)],
        after=[(b"fcTL", moved), (b"fdAT", struct.pack(">I", 2) + zlib.compress(rows))],
    )  # fmt: skip


def _animated(suffix: str) -> bytes:
    animation = cv2.Animation()
    animation.frames = [np.full((40, 40, 3), colour, np.uint8) for colour in (40, 200)]
    animation.durations = [100, 100]
    _, data = cv2.imencodeanimation(suffix, animation)
    return _undated(data.tobytes())


def _undated(data: bytes) -> bytes:
    """Take out when an AVIF's tracks were made (ISO/IEC 14496-12, 8.2.2), so that it stays."""
    new = bytearray(data)
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        at = new.find(kind)
        if at >= 0:
            new[at + 8 : at + 24] = bytes(16)
    return bytes(new)
