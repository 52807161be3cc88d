"""AVIFs whose boxes are wrong."""

import struct
from collections.abc import Iterator
from functools import partial

from lookalike.errors import (
    BadDimensions,
    CorruptPicture,
    NotAPicture,
    PictureTooLarge,
    UnsupportedFormat,
)
from torture import files
from torture.case import DAMAGED, READ, Expected, PictureCase, fixed, refused
from torture.files.samples import samples

_CORRUPT = refused(CorruptPicture)
_EITHER = READ | DAMAGED
_ANY = _EITHER | refused(BadDimensions, PictureTooLarge, UnsupportedFormat)
_FTYP = files.box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
# Boxes whose length or type is made wrong, one at a time.
_BOXES = (b"meta", b"hdlr", b"pitm", b"iloc", b"iinf", b"iprp", b"ipco", b"ispe", b"av1C", b"ipma")


def avif_containers() -> Iterator[PictureCase]:
    """Give one of each."""
    for kind in _BOXES:
        name = kind.decode().lower()
        for length in (0, 1, 7, 0x7FFFFFFF):
            yield PictureCase(
                f"avif/{name}-of-{length}",
                "a box of that length: 0 is to the end, 1 says that 64 bits follow",
                _ANY,
                partial(_resized, kind, length),
            )
        yield PictureCase(
            f"avif/no-{name}",
            "a box that has another type",
            _ANY,
            partial(samples()["AVIF"].replace, kind, b"free"),
        )
    for name, (why, expected, data) in _wholes().items():
        yield fixed(f"avif/{name}", why, expected, data)


def _wholes() -> dict[str, tuple[str, Expected, bytes]]:
    intact = samples()["AVIF"]
    tile = files.encode(files.quadrants(64, 64), "AVIF")
    stream = files.body_of(tile, b"mdat")
    return {
        "brand-alone": ("a brand and nothing else", DAMAGED, _FTYP),
        "brand-of-0": ("the first box says that it is all", _ANY | refused(NotAPicture),
            bytes(4) + intact[4:]),
        "nested": ("boxes in boxes, 10,000 deep", _ANY, _FTYP + _nested(10_000)),
        "meta-of-a-megabyte": (
            "a meta box of over a megabyte", _CORRUPT,
            _FTYP + files.box(b"meta", bytes(1 << 21)),
        ),
        "items-65535": ("65,535 items of 65,535 parts of no bytes", _CORRUPT, _many_extents()),
        "parts-100000": ("100,001 empty boxes", _CORRUPT, intact + files.box(b"free") * 100_001),
        "film": ("a film without a still picture", refused(UnsupportedFormat),
            files.box(b"ftyp", b"avis", bytes(4), b"avis") + files.box(b"moov")),
        "stream-of-zeros": ("a bitstream of zeros", _EITHER,
            tile.replace(stream, bytes(len(stream)))),
        "stream-of-ones": ("a bitstream of ones", _EITHER,
            tile.replace(stream, b"\xff" * len(stream))),
        "stream-reversed": ("a bitstream backwards", _ANY, tile.replace(stream, stream[::-1])),
        "grid": ("an intact grid of 64 tiles", READ, files.grid([tile] * 64, 8, 64)),
        "grid-of-nothing": ("a grid without its tiles", _CORRUPT,
            files.grid([tile] * 4, 2, 64).replace(b"dimg", b"free")),
        "grid-of-itself": ("a grid that is its own tile", _ANY,
            files.grid([tile] * 4, 2, 64).replace(
                struct.pack(">6H", 1, 4, 2, 3, 4, 5), struct.pack(">6H", 1, 4, 1, 1, 1, 1))),
        "grid-too-large": ("a grid of more pixels than its tiles have", _ANY,
            files.grid([tile] * 4, 2, 64).replace(
                struct.pack(">II", 128, 128), struct.pack(">II", 4096, 4096))),
        "sizes-differ": ("the box says 6 by 4, the bitstream 64 by 64", _EITHER,
            tile.replace(struct.pack(">II", 64, 64), struct.pack(">II", 6, 4))),
        "turned": ("turned and mirrored", READ, files.turned(tile, 3, 1)),
    }  # fmt: skip


def _resized(kind: bytes, length: int) -> bytes:
    data = samples()["AVIF"]
    at = data.index(kind) - 4
    return data[:at] + struct.pack(">I", length) + data[at + 4 :]


def _nested(depth: int) -> bytes:
    lengths = range(8 * depth, 0, -8)
    return b"".join(struct.pack(">I4s", length, b"meta") for length in lengths)


def _many_extents() -> bytes:
    items = struct.pack(">HHH", 1, 0, 0xFFFF) * 0xFFFF
    iloc = files.box(b"iloc", bytes(4), b"\0\0\xff\xff", items)
    return _FTYP + files.box(b"meta", bytes(4), iloc)
