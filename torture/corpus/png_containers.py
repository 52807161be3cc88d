"""PNGs whose chunks are wrong."""

import struct
import zlib
from collections.abc import Iterator

from lookalike.errors import BadDimensions, CorruptPicture, UnsupportedFormat
from torture import files
from torture.case import DAMAGED, READ, Expected, PictureCase, fixed, refused
from torture.files.png import SIGNATURE

_CORRUPT = refused(CorruptPicture)
_EITHER = READ | DAMAGED
_ROWS = (b"\0" + bytes(files.RED) * 2) * 2
_WHOLE = files.png(2, 2, 8, 2, _ROWS)
_AFTER_IHDR = 33
_IDAT = files.png_chunk(b"IDAT", zlib.compress(_ROWS))
_END = files.png_chunk(b"IEND", b"")


def png_containers() -> Iterator[PictureCase]:
    """Give one of each."""
    for bits, kind in (
        (0, 2),
        (3, 0),
        (7, 2),
        (8, 1),
        (8, 5),
        (8, 7),
        (16, 3),
        (32, 0),
        (255, 255),
    ):
        yield _case(
            f"{bits}-bits-kind-{kind}", "a depth and a colour type that do not go together",
            _CORRUPT, files.png(2, 2, bits, kind, _ROWS),
        )  # fmt: skip
    for place, name in ((26, "compression"), (27, "filter"), (28, "interlace")):
        changed = bytearray(_WHOLE)
        changed[place] = 9
        yield _case(
            f"{name}-9", "a method that there is not", _CORRUPT,
            files.with_right_checksums(bytes(changed)),
        )  # fmt: skip
    for length in (0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, 0x10000):
        yield _case(
            f"chunk-of-{length}", "a chunk longer than the file", DAMAGED,
            _WHOLE[:_AFTER_IHDR] + struct.pack(">I4s", length, b"aaAa") + _WHOLE[_AFTER_IHDR:],
        )  # fmt: skip
    yield from _orders()
    yield from _bodies()


def _orders() -> Iterator[PictureCase]:
    ihdr = _WHOLE[len(SIGNATURE) : _AFTER_IHDR]
    plte = files.png_chunk(b"PLTE", bytes(6))
    orders = {
        "no-ihdr": (_CORRUPT, [_IDAT, _END]),
        "no-idat": (_CORRUPT, [ihdr, _END]),
        "no-iend": (DAMAGED, [ihdr, _IDAT]),
        "idat-first": (_CORRUPT, [_IDAT, ihdr, _END]),
        "ihdr-twice": (_EITHER, [ihdr, ihdr, _IDAT, _END]),
        "plte-twice": (_EITHER, [ihdr, plte, plte, _IDAT, _END]),
        "plte-after-idat": (_EITHER, [ihdr, _IDAT, plte, _END]),
        "idat-interrupted": (_EITHER, [ihdr, _IDAT[:0], _IDAT, plte, _IDAT, _END]),
        "signature-alone": (DAMAGED, []),
        "xcode": (refused(UnsupportedFormat), [files.png_chunk(b"CgBI", bytes(4)), ihdr, _END]),
        "parts-100000": (_CORRUPT, [ihdr, *[files.png_chunk(b"aaAa", b"")] * 100_001, _IDAT, _END]),
    }
    for name, (expected, chunks) in orders.items():
        yield _case(name, "chunks in no order of PNG", expected, SIGNATURE + b"".join(chunks))


def _bodies() -> Iterator[PictureCase]:
    yield _case("palette-missing", "a palette's pixels", _EITHER, files.png(2, 2, 8, 3, bytes(6)))
    for count in (0, 1, 3, 1000):
        yield _case(
            f"palette-of-{count}-bytes", "a palette of no number of colours that PNG has",
            _EITHER, files.png(2, 2, 8, 3, bytes(6), before=[(b"PLTE", bytes(count))]),
        )  # fmt: skip
    yield _case(
        "palette-too-short", "pixels of colour 255, of a palette of two", _EITHER,
        files.png(2, 2, 8, 3, b"\0\xff\xff" * 2, before=[(b"PLTE", bytes(6))]),
    )  # fmt: skip
    for count in (1, 5, 300):
        yield _case(
            f"transparency-of-{count}-bytes", "a tRNS of a length that it has not", _EITHER,
            files.png(2, 2, 8, 2, _ROWS, before=[(b"tRNS", bytes(count))]),
        )  # fmt: skip
    for filtering in (5, 255):
        yield _case(
            f"filter-{filtering}", "rows of a filter that there is not", _EITHER,
            files.png(2, 2, 8, 2, bytes((filtering, 1, 2, 3, 4, 5, 6)) * 2),
        )  # fmt: skip
    yield _case(
        "no-pixels", "a stream that inflates to nothing", _EITHER, files.png(9, 9, 8, 2, b"")
    )
    yield _case(
        "not-deflated", "pixels that are not compressed", _EITHER,
        files.png(2, 2, 8, 2, b"", deflated=_ROWS),
    )  # fmt: skip
    yield _case(
        "dictionary", "a stream that wants a dictionary", _EITHER,
        files.png(2, 2, 8, 2, b"", deflated=b"\x78\xbb\0\0\0\1" + bytes(9)),
    )  # fmt: skip
    for kind in (b"IHDR", b"IDAT", b"IEND"):
        at = _WHOLE.index(kind)
        (length,) = struct.unpack(">I", _WHOLE[at - 4 : at])
        end = at + 4 + length
        yield _case(
            f"checksum-of-{kind.decode().lower()}", "a checksum that is wrong", _EITHER,
            _WHOLE[:end] + b"\xde\xad\xbe\xef" + _WHOLE[end + 4 :],
        )  # fmt: skip
    yield _case(
        "ihdr-of-12-bytes", "an IHDR that is too short", _CORRUPT | refused(BadDimensions),
        SIGNATURE + files.png_chunk(b"IHDR", bytes(12)) + _IDAT + _END,
    )  # fmt: skip


def _case(name: str, why: str, expected: Expected, data: bytes) -> PictureCase:
    return fixed(f"png/{name}", why, expected, data)
