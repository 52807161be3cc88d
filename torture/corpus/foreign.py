"""Files that are no picture, that are one and something else too, or one that is not read."""

import struct
import zipfile
from collections.abc import Iterator
from io import BytesIO

from lookalike.errors import EmptyPicture, MissingPicture, NotAPicture, UnsupportedFormat
from lookalike.picture import Format
from torture import files
from torture.case import DAMAGED, READ, PictureCase, fixed, refused

_CARRIERS: tuple[Format, ...] = ("JPEG", "PNG", "GIF", "BMP", "WebP")
_SCRIPT = b"<html><script>alert(document.domain)</script><?php system($_GET['c']); ?></html>"
_NOTHING = refused(NotAPicture)
_UNREAD = refused(UnsupportedFormat)
# The beginnings of formats that are told by their names.
_FORMATS = {
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "heif-sequence": b"\0\0\0\x18ftypmsf1\0\0\0\0hevcmsf1",
    "mp4": b"\0\0\0\x18ftypisom\0\0\0\0mp42isom",
    "quicktime": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
    "tiff-intel": b"II*\0\x08\0\0\0",
    "tiff-of-itself": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
    "tiff-motorola": b"MM\0*\0\0\0\x08",
    "big-tiff": b"II+\0\x08\0\0\0",
    "jpeg-2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "jpeg-2000-stream": b"\xff\x4f\xff\x51",
    "jpeg-xl": b"\0\0\0\x0cJXL \r\n\x87\n",
    "jpeg-xl-stream": b"\xff\x0a",
    "svg": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">',
    "svg-of-entities": b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "svg-with-script": b"<svg onload=alert(1)><image href='http://169.254.169.254/'/></svg>",
    "pdf": b"%PDF-1.7\n",
    "postscript": b"%!PS-Adobe-3.0\n(/etc/passwd) (r) file\n",
    "ico": b"\0\0\1\0\1\0",
    "cursor": b"\0\0\2\0\1\0",
    "photoshop": b"8BPS\0\1",
    "openexr": b"\x76\x2f\x31\x01\2\0",
    "radiance": b"#?RADIANCE\n",
    "pnm": b"P6\n999999999 999999999\n255\n",
    "pam": b"P7\nWIDTH 1\n",
    "sun-raster": b"\x59\xa6\x6a\x95\0\0",
    "qoi": b"qoif" + struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF),
    "dds": b"DDS \x7c\0\0\0",
    "metafile": b"\xd7\xcd\xc6\x9a",
    "dicom": bytes(128) + b"DICM",
    "iff": b"FORM\0\0\0\0ILBM",
}
_OTHERS = {
    "one-byte": b"\0",
    "text": b"not a picture",
    "html": _SCRIPT,
    "json": b'{"image": {"b64": ""}}',
    "zip": b"PK\3\4" + bytes(60),
    "gzip": b"\x1f\x8b\x08\0" + bytes(60),
    "elf": b"\x7fELF\2\1\1" + bytes(60),
    "windows-program": b"MZ\x90\0" + bytes(60),
    "shell": b"#!/bin/sh\nreboot\n",
    "zeros": bytes(1 << 20),
    "ones": b"\xff" * (1 << 20),
    "wave": b"RIFF\0\0\0\0WAVEfmt ",
    "gif-88a": b"GIF88a" + bytes(60),
    "bmp-in-name": b"BM" + bytes(60),
    "pictures-name": b"photo.jpg",
    "ogg": b"OggS" + bytes(60),
    "matroska": b"\x1a\x45\xdf\xa3" + bytes(60),
}


def foreign() -> Iterator[PictureCase]:
    """Give what is not read, what is nothing, and what is two things at once."""
    for name, start in _FORMATS.items():
        why = "a format that is known by name, and not read"
        yield fixed(f"formats/{name}", why, _UNREAD, start + bytes(64))
    yield fixed(
        "formats/empty",
        "no bytes: a body without a picture",
        refused(EmptyPicture, MissingPicture),
        b"",
    )
    for name, data in _OTHERS.items():
        yield fixed(f"formats/{name}", "no picture at all", _NOTHING, data)
    yield from _polyglots()


def _polyglots() -> Iterator[PictureCase]:
    pictures = {carrier: files.encode(files.quadrants(), carrier) for carrier in _CARRIERS}
    for carrier, data in pictures.items():
        for name, tail in (("zip", _archive()), ("html", _SCRIPT), ("pdf", b"%PDF-1.7\n%%EOF")):
            why = "a picture to one program, something else to another"
            yield fixed(f"polyglots/{carrier.lower()}-{name}", why, READ, data + tail)
        for name, head, expected in (
            ("pdf", b"%PDF-1.7\n", _UNREAD),
            ("html", _SCRIPT, _NOTHING),
            ("space", b" ", _NOTHING),
            ("zip", _archive(), _NOTHING),
        ):
            why = "a picture after something else, as some programs find it"
            yield fixed(f"polyglots/{name}-{carrier.lower()}", why, expected, head + data)
    jpeg, png = pictures["JPEG"], pictures["PNG"]
    yield fixed(
        "polyglots/gif-javascript", "a GIF whose size is a comment's beginning",
        READ | DAMAGED, b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)",
    )  # fmt: skip
    yield fixed(
        "polyglots/jpeg-javascript", "a JPEG whose comment is a program", READ,
        jpeg[:2] + files.jpeg_segment(0xFE, b"*/=1;alert(1)/*" + _SCRIPT) + jpeg[2:],
    )  # fmt: skip
    yield fixed(
        "polyglots/png-php", "a PNG whose text is a program", READ,
        png[:33] + files.png_chunk(b"tEXt", b"Comment\0" + _SCRIPT) + png[33:],
    )  # fmt: skip
    yield fixed("polyglots/jpeg-png", "one picture after another", READ, jpeg + png)
    yield fixed("polyglots/png-jpeg", "one picture after another", READ, png + jpeg)
    yield fixed("polyglots/jpeg-in-png", "a JPEG in a chunk", READ,
        png[:33] + files.png_chunk(b"tEXt", b"a\0" + jpeg) + png[33:])  # fmt: skip


def _archive() -> bytes:
    """Write a ZIP of nothing, dated as it always is."""
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(zipfile.ZipInfo("../../etc/cron.d/x"), "* * * * * root reboot")
    return held.getvalue()
