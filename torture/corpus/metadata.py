"""EXIF and ICC profiles, broken: they say nothing about the pixels, so the picture is read."""

import struct
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

from lookalike.picture import Format
from torture import files
from torture.case import READ, PictureCase

_CARRIERS: tuple[Format, ...] = ("JPEG", "PNG", "WebP")
_HEAD = b"II*\0\x08\0\0\0"


def metadata() -> Iterator[PictureCase]:
    """Give every broken block, in every format that carries EXIF; and profiles."""
    for name, (why, block) in _exif_blocks().items():
        for carrier in _CARRIERS:
            yield PictureCase(
                f"metadata/{carrier.lower()}-exif-{name}",
                why,
                READ,
                partial(_carried, carrier, block),
            )
    for name, make in _profiles().items():
        yield PictureCase(f"metadata/{name}", "a profile, or what calls itself one", READ, make)


def _carried(carrier: Format, block: bytes) -> bytes:
    return files.with_exif(files.encode(files.quadrants(), carrier), carrier, block)


def _exif_blocks() -> dict[str, tuple[str, bytes]]:
    entry = struct.pack("<HHIHH", 274, 3, 1, 6, 0)
    return {
        "empty": ("no bytes", b""),
        "head-alone": ("a byte order and nothing else", b"II*\0"),
        "order-unknown": ("neither of the two byte orders", b"XX*\0\x08\0\0\0"),
        "offset-outside": ("its directory lies past the end", b"II*\0\xff\xff\xff\xff"),
        "offset-of-itself": ("its directory begins inside its head", b"II*\0\0\0\0\0" + entry),
        "loop": (
            "its directory is followed by itself",
            _HEAD + b"\1\0" + entry + struct.pack("<I", 8),
        ),
        "thumbnail-of-itself": (
            "a second directory, whose thumbnail is the whole block",
            _HEAD + b"\0\0" + struct.pack("<I", 14)
            + struct.pack("<HHHIIHHII", 2, 0x201, 4, 1, 0, 0x202, 4, 1, 0xFFFFFFFF),
        ),
        "entries-65535": ("65,535 entries, of which one is there", _HEAD + b"\xff\xff" + entry),
        "count-absurd": (
            "an orientation of 4,294,967,295 values",
            _HEAD + b"\1\0" + struct.pack("<HHII", 274, 3, 0xFFFFFFFF, 6),
        ),
        "type-absurd": (
            "an orientation of a type that there is not",
            _HEAD + b"\1\0" + struct.pack("<HHIHH", 274, 99, 1, 6, 0),
        ),
        "cut-off": ("its only entry ends too early", files.exif(6)[:-9]),
        **{
            f"orientation-{value}": (f"an orientation of {value}", files.exif(value))
            for value in (0, 1, 6, 8, 9, 255, 65_535)
        },
    }  # fmt: skip


def _profiles() -> dict[str, Callable[[], bytes]]:
    jpeg = files.flat_jpeg(16, 16)
    rows = (b"\0" + bytes(files.RED) * 2) * 2

    def in_jpeg(*segments: bytes) -> bytes:
        return jpeg[:2] + b"".join(segments) + jpeg[2:]

    def profile(number: int, count: int, body: bytes) -> bytes:
        return files.jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes((number, count)) + body)

    def in_png(body: bytes) -> bytes:
        return files.png(2, 2, 8, 2, rows, before=[(b"iCCP", body)])

    return {
        "jpeg-icc-empty": lambda: in_jpeg(profile(1, 1, b"")),
        "jpeg-icc-number-0-of-0": lambda: in_jpeg(profile(0, 0, bytes(128))),
        "jpeg-icc-number-9-of-2": lambda: in_jpeg(profile(9, 2, bytes(128))),
        "jpeg-icc-twice": lambda: in_jpeg(profile(1, 2, bytes(9)), profile(1, 2, bytes(9))),
        "jpeg-icc-16-megabytes": lambda: in_jpeg(
            *(profile(number, 255, bytes(65_000)) for number in range(1, 256))
        ),
        "jpeg-icc-size-absurd": lambda: in_jpeg(profile(1, 1, b"\xff" * 132)),
        "png-icc-empty": lambda: in_png(b""),
        "png-icc-without-a-name": lambda: in_png(b"\0\0" + files.deflated_zeros(9)),
        "png-icc-not-deflated": lambda: in_png(b"name\0\0" + bytes(99)),
        "png-icc-method-unknown": lambda: in_png(b"name\0\x63" + bytes(99)),
        "jpeg-xmp-of-entities": lambda: in_jpeg(
            files.jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _entities())
        ),
        "jpeg-comments": lambda: in_jpeg(*[files.jpeg_segment(0xFE, bytes(65_533))] * 100),
    }


def _entities() -> bytes:
    """Write the XML whose entities expand to a thousand million words."""
    names = "abcdefghi"
    defined = "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in pairwise(names)
    )
    return f'<!DOCTYPE x [<!ENTITY a "ha">{defined}]><x>&i;</x>'.encode()
