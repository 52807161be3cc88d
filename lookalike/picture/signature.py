"""Which format the first bytes are, never by a file's name.

The six that are read have signatures that no decoder of OpenCV tried before theirs
accepts (docs/picture_contract.md), so sniffing here and there agrees.
"""

import re

from lookalike.errors import EmptyPicture, NotAPicture, UnsupportedFormat
from lookalike.picture.header import Format

READABLE = "JPEG, PNG, WebP, AVIF, BMP or GIF"
_HEAD = 512

_SIGNATURES: tuple[tuple[re.Pattern[bytes], Format], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"RIFF....WEBPVP8[ LX]", re.S), "WebP"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"BM.{12}[\x0c-\x7c]\0\0\0", re.S), "BMP"),
)
_UNREAD: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+"), "TIFF"),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "JPEG 2000"),
    (re.compile(rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a"), "JPEG XL"),
    (re.compile(rb"%PDF-"), "PDF"),
    (re.compile(rb"\0\0[\1\2]\0[^\0]\0", re.S), "ICO"),
    (re.compile(rb"8BPS"), "Photoshop"),
    (re.compile(rb"\x76\x2f\x31\x01"), "OpenEXR"),
    (re.compile(rb"#\?RADIANCE|#\?RGBE"), "Radiance HDR"),
    (re.compile(rb"P[1-7Ff][\s#]"), "PNM"),
    (re.compile(rb"\x59\xa6\x6a\x95"), "Sun raster"),
    (re.compile(rb"qoif"), "QOI"),
    (re.compile(rb"DDS "), "DDS"),
    (re.compile(rb"FORM....(?:ILBM|PBM )", re.S), "IFF"),
    (re.compile(rb"\xd7\xcd\xc6\x9a|.{40} EMF", re.S), "Windows metafile"),
    (re.compile(rb"%!PS"), "PostScript"),
    (re.compile(rb".{128}DICM", re.S), "DICOM"),
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)


def sniff(data: bytes) -> Format:
    """Give the format of ``data``.

    Raises:
        EmptyPicture: there are no bytes.
        UnsupportedFormat: a picture or document format that is not read, named.
        NotAPicture: no signature that is known.
    """
    if not data:
        raise EmptyPicture("The picture has no bytes: send the contents of a picture file.")
    for pattern, name in _SIGNATURES:
        if pattern.match(data):
            return name
    if data[4:8] == b"ftyp":
        return _media_format(data)
    for pattern, unread in _UNREAD:
        if pattern.match(data):
            raise _unsupported(unread)
    if data[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in data[:_HEAD]:
        raise _unsupported("SVG")
    raise NotAPicture(f"The bytes are no picture that is known: send {READABLE}.")


def _media_format(data: bytes) -> Format:
    """Tell AVIF, HEIC and films apart by their brands (ISO/IEC 14496-12, 4.3)."""
    length = int.from_bytes(data[:4])
    head = data[: min(length, _HEAD)]
    brands = {head[8:12]} | {head[start : start + 4] for start in range(16, len(head) - 3, 4)}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIC_BRANDS:
        raise UnsupportedFormat(
            "The picture is HEIC, which is not read: export it as JPEG "
            "(on an iPhone: Settings, Camera, Formats, Most Compatible)."
        )
    raise _unsupported("MP4 or QuickTime video")


def _unsupported(name: str) -> UnsupportedFormat:
    return UnsupportedFormat(f"The file is {name}, which is not read: convert it to {READABLE}.")
