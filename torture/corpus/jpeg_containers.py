"""JPEGs whose segments are wrong, or of processes that nobody reads."""

import struct
from collections.abc import Iterator

from lookalike.errors import CorruptPicture, UnsupportedFormat
from torture import files
from torture.case import DAMAGED, READ, Expected, PictureCase, fixed, refused
from torture.files.samples import samples

_UNREAD, _CORRUPT = refused(UnsupportedFormat), refused(CorruptPicture)
_EITHER = READ | DAMAGED
_PROCESSES = {
    0xC3: "lossless",
    0xC5: "differential",
    0xC6: "differential-progressive",
    0xC7: "differential-lossless",
    0xC9: "arithmetic",
    0xCA: "arithmetic-progressive",
    0xCB: "arithmetic-lossless",
    0xCD: "arithmetic-differential",
    0xCE: "arithmetic-differential-progressive",
    0xCF: "arithmetic-differential-lossless",
}
_WHOLE = files.flat_jpeg(16, 16)
_SOF = _WHOLE.index(b"\xff\xc0")
_SOS = _WHOLE.index(b"\xff\xda")
_FRAME = _WHOLE[_SOF : _SOF + 2 + 2 + 9]


def jpeg_containers() -> Iterator[PictureCase]:
    """Give one of each."""
    for marker, name in _PROCESSES.items():
        yield _case(name, f"a frame of SOF{marker - 0xC0}", _UNREAD, _with_marker(marker))
    for bits in (0, 1, 7, 12, 16, 255):
        yield _case(
            f"{bits}-bits", "bits a sample that are not read", _UNREAD,
            files.flat_jpeg(16, 16, frame=0xC1, bits=bits),
        )  # fmt: skip
    for count in (0, 2, 5, 255):
        yield _case(
            f"{count}-components", "a number of components that is not read",
            _UNREAD | DAMAGED, _with_components(count),
        )  # fmt: skip
    for factor in (0x00, 0x01, 0x10, 0x51, 0xFF):
        yield _case(
            f"sampling-{factor:02x}", "a sampling factor that is not 1 to 4", _CORRUPT,
            _WHOLE.replace(_FRAME, _FRAME[:-2] + bytes((factor,)) + _FRAME[-1:]),
        )  # fmt: skip
    yield from _segments()


def _segments() -> Iterator[PictureCase]:
    insert = {
        "dnl-before-the-scan": ("a DNL segment before the scan", 0xDC, b"\xff\xff"),
        "restarts-65535": ("a restart interval of 65,535", 0xDD, b"\xff\xff"),
        "restarts-cut-off": ("a restart interval of one byte", 0xDD, b"\1"),
        "quantisers-empty": ("a DQT segment without a table", 0xDB, b""),
        "quantisers-number-15": ("a table of number 15", 0xDB, b"\x0f" + bytes(64)),
        "quantisers-of-zero": ("quantisers of zero", 0xDB, b"\0" + bytes(64)),
        "codes-too-many": ("a Huffman table of 4,080 codes", 0xC4, b"\0" + b"\xff" * 16),
        "codes-number-255": ("a Huffman table of number 255", 0xC4, b"\xff" + bytes(16)),
        "codes-none": ("a Huffman table without codes", 0xC4, b"\0" + bytes(16)),
        "arithmetic-conditions": ("DAC in a picture of Huffman codes", 0xCC, b"\0\0"),
        "hierarchical": ("a DHP segment", 0xDE, _FRAME[4:]),
        "expand": ("an EXP segment", 0xDF, b"\x11"),
        "reserved": ("a segment of a reserved marker", 0xF7, bytes(20)),
    }
    for name, (why, marker, body) in insert.items():
        yield _case(
            name, why, _EITHER, _WHOLE[:_SOS] + files.jpeg_segment(marker, body) + _WHOLE[_SOS:]
        )
    for length in (0, 1):
        yield _case(
            f"segment-of-{length}", "a segment shorter than its own length", _CORRUPT,
            _WHOLE[:2] + struct.pack(">BBH", 0xFF, 0xFE, length) + _WHOLE[2:],
        )  # fmt: skip
    yield _case(
        "segment-past-the-end", "a segment of 65,535 bytes in a file of 300", DAMAGED,
        _WHOLE[:2] + b"\xff\xfe\xff\xff" + _WHOLE[2:],
    )  # fmt: skip
    yield _case("two-frames", "two frame headers", _CORRUPT, _WHOLE[:_SOS] + _FRAME + _WHOLE[_SOS:])
    yield _case("scan-before-frame", "the scan comes first", _CORRUPT, _WHOLE[:2] + _WHOLE[_SOS:])
    yield _case("no-scan", "a frame and no scan", _CORRUPT, _WHOLE[:_SOS] + b"\xff\xd9")
    yield _case("nothing", "it begins and ends", _CORRUPT, b"\xff\xd8\xff\xd9")
    yield _case("nested", "one picture begins in another", _CORRUPT, _WHOLE[:2] + _WHOLE)
    yield _case("fill-bytes", "a million fill bytes before a marker", READ, _filled(1_000_000))
    yield _case("parts-100000", "100,001 empty comments", _CORRUPT, _commented(100_001))
    yield _case("dnl-after-the-scan", "the height comes after the scan", _EITHER, _dnl_after())
    yield _case("scan-of-zeros", "a scan without a code", _EITHER, _scanned(bytes(5000)))
    yield _case(
        "scan-of-restarts", "a scan of restart markers", _EITHER, _scanned(b"\xff\xd0" * 999)
    )
    yield _case(
        "libavif", "OpenCV takes it for an AVIF", READ,
        _WHOLE[:2] + b"\xff\xfeft" + b"ypavif".ljust(0x6674 - 2, b"\0") + _WHOLE[2:],
    )  # fmt: skip
    intact = samples()["progressive JPEG"]
    yield _case("trailing", "a megabyte after EOI", READ, intact + bytes(range(256)) * 4096)
    yield _case(
        "scans-shuffled", "the scan of a component that there is not",
        _EITHER, intact.replace(b"\xff\xda\0\x08\1\1", b"\xff\xda\0\x08\1\x63"),
    )  # fmt: skip


def _case(name: str, why: str, expected: Expected, data: bytes) -> PictureCase:
    return fixed(f"jpeg/{name}", why, expected, data)


def _with_marker(marker: int) -> bytes:
    return files.flat_jpeg(16, 16, frame=marker)


def _with_components(count: int) -> bytes:
    frame = files.jpeg_segment(0xC0, struct.pack(">BHHB", 8, 16, 16, count) + b"\1\x11\0" * count)
    return _WHOLE.replace(_FRAME, frame)


def _filled(count: int) -> bytes:
    return _WHOLE[:_SOS] + b"\xff" * count + _WHOLE[_SOS:]


def _commented(count: int) -> bytes:
    return _WHOLE[:2] + b"\xff\xfe\0\2" * count + _WHOLE[2:]


def _dnl_after() -> bytes:
    return _WHOLE[:-2] + files.jpeg_segment(0xDC, b"\xff\xff") + b"\xff\xd9"


def _scanned(data: bytes) -> bytes:
    return _WHOLE[: _SOS + 10] + data + b"\xff\xd9"
