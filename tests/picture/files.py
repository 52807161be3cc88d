"""Picture files for the tests, written by OpenCV or byte by byte; no test lives here."""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lookalike.picture import Format

Array = npt.NDArray[Any]  # uint8 or uint16; OpenCV types its arrays no closer

EXTENSIONS: dict[Format, str] = {
    "AVIF": ".avif",
    "BMP": ".bmp",
    "GIF": ".gif",
    "JPEG": ".jpg",
    "PNG": ".png",
    "WebP": ".webp",
}
RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)


def quadrants(width: int = 64, height: int = 48) -> npt.NDArray[np.uint8]:
    """RGB: red, green over blue, yellow; every flip and turn of it is different."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = RED
    picture[: height // 2, width // 2 :] = GREEN
    picture[height // 2 :, : width // 2] = BLUE
    picture[height // 2 :, width // 2 :] = YELLOW
    return picture


def encode(rgb: Array, name: Format, parameters: Sequence[int] = ()) -> bytes:
    """Encode grey, RGB or RGBA."""
    if rgb.ndim == 3:
        order = [2, 1, 0, 3][: rgb.shape[2]]
        rgb = np.ascontiguousarray(rgb[..., order])
    done, data = cv2.imencode(EXTENSIONS[name], rgb, parameters)
    assert done
    return data.tobytes()


# --- EXIF ---------------------------------------------------------------------------


def exif(orientation: int, order: str = "<") -> bytes:
    """A TIFF header and one directory that holds the orientation."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return head + struct.pack(f"{order}IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def with_exif(data: bytes, name: Format, block: bytes) -> bytes:
    """Put an EXIF block into a JPEG, PNG or WebP."""
    if name == "JPEG":
        return data[:2] + jpeg_segment(0xE1, b"Exif\0\0" + block) + data[2:]
    if name == "PNG":
        return data[:33] + png_chunk(b"eXIf", block) + data[33:]
    assert name == "WebP"
    width, height = struct.unpack("<HH", data[26:30]) if data[12:16] == b"VP8 " else _vp8l(data)
    extended = (
        b"\x08\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )
    return riff(webp_chunk(b"VP8X", extended), data[12:], webp_chunk(b"EXIF", block))


def _canvas(width: int, height: int) -> bytes:
    return (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _vp8l(data: bytes) -> tuple[int, int]:
    (bits,) = struct.unpack("<I", data[21:25])
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


# --- JPEG ---------------------------------------------------------------------------


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def flat_jpeg(
    width: int,
    height: int,
    levels: Sequence[int] = (0,),
    *,
    frame: int = 0xC0,
    bits: int = 8,
    adobe: int | None = None,
    scans: int = 0,
) -> bytes:
    """A JPEG whose blocks have a DC coefficient alone: each component is one level, -128 to 127.

    Args:
        width: in pixels.
        height: in pixels.
        levels: of each component, from the middle.
        frame: the SOF marker.
        bits: a sample, as the frame header says.
        adobe: the colour transform of an Adobe marker.
        scans: further scans of a progressive picture's AC coefficients, all empty.
    """
    count = len(levels)
    parts = [b"\xff\xd8"]
    if adobe is not None:
        parts.append(jpeg_segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, adobe)))
    parts.append(jpeg_segment(0xDB, b"\0" + bytes([8] * 64)))
    components = b"".join(bytes((number + 1, 0x11, 0)) for number in range(count))
    header = struct.pack(">BHHB", bits, height, width, count)
    parts.append(jpeg_segment(frame, header + components))
    # DC: the code of 4 bits is the number of bits that follow. AC: code 0 ends a block
    # (or, in a progressive scan, 32,767 of them); nothing else comes.
    parts.append(jpeg_segment(0xC4, b"\0" + bytes([0, 0, 0, 9] + [0] * 12) + bytes(range(9))))
    ends = b"\xe0" if scans else b"\0"
    parts.append(jpeg_segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + ends))
    chosen = b"".join(bytes((number + 1, 0)) for number in range(count))
    spectrum = b"\0\0\0" if frame == 0xC2 else b"\0\x3f\0"
    parts.append(jpeg_segment(0xDA, bytes((count,)) + chosen + spectrum))
    parts.append(_entropy(width, height, levels, progressive=frame == 0xC2))
    for _ in range(scans):
        parts.append(jpeg_segment(0xDA, b"\1\1\0\1\x3f\0"))
        parts.append(bytes(-(-width // 8) * -(-height // 8) // 4096 + 16))
    return b"".join([*parts, b"\xff\xd9"])


def _entropy(width: int, height: int, levels: Sequence[int], *, progressive: bool) -> bytes:
    end = "" if progressive else "0"
    blocks = -(-width // 8) * -(-height // 8)
    first = "".join(_difference(level) + end for level in levels)
    bits = first + (_difference(0) + end) * len(levels) * (blocks - 1)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8)
    return data.replace(b"\xff", b"\xff\0")


def _difference(level: int) -> str:
    """Code a DC coefficient (T.81, F.1.2.1); quantiser 8 makes it the level itself."""
    length = abs(level).bit_length()
    value = level if level >= 0 else level + (1 << length) - 1
    return f"{length:04b}" + (f"{value:0{length}b}" if length else "")


# --- PNG ----------------------------------------------------------------------------


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int,
    height: int,
    bits: int,
    kind: int,
    rows: bytes,
    *,
    before: Sequence[tuple[bytes, bytes]] = (),
    after: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """A PNG of raw ``rows`` (filter bytes included), with chunks before and after IDAT."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        *before,
        (b"IDAT", zlib.compress(rows)),
        *after,
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


# --- WebP ---------------------------------------------------------------------------


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def animated_webp(canvas: tuple[int, int], left: int, top: int, frame: bytes) -> bytes:
    """An animation whose first frame is the lossless WebP ``frame`` at ``left``, ``top``."""
    width, height = _vp8l(frame)
    numbers = (left // 2, top // 2, width - 1, height - 1, 100)
    head = b"".join(number.to_bytes(3, "little") for number in numbers) + b"\0"
    extended = b"\x02\0\0\0" + _canvas(*canvas)
    return riff(
        webp_chunk(b"VP8X", extended),
        webp_chunk(b"ANIM", bytes(6)),
        webp_chunk(b"ANMF", head + frame[12:]),
    )


# --- GIF ----------------------------------------------------------------------------


def gif(
    screen: tuple[int, int],
    place: tuple[int, int, int, int],
    indices: Sequence[int],
    *,
    transparent: int | None = None,
    tail: bytes = b";",
) -> bytes:
    """A GIF of four colours (red, green, blue, yellow) whose LZW data never compresses."""
    control = b""
    if transparent is not None:
        control = b"\x21\xf9\x04" + struct.pack("<BHBB", 1, 0, transparent, 0)
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x81, 0, 0)
    table = bytes(RED + GREEN + BLUE + YELLOW)
    image = b"," + struct.pack("<HHHHB", *place, 0)
    return head + table + control + image + lzw_blocks(indices) + tail


def lzw_blocks(indices: Sequence[int]) -> bytes:
    """Codes of 3 bits, with a clear code (4) before each pair of pixels and 5 at the end."""
    codes = [
        code for start in range(0, len(indices), 2) for code in (4, *indices[start : start + 2])
    ]
    bits = sum(code << 3 * place for place, code in enumerate([*codes, 5]))
    data = bits.to_bytes(-(-3 * (len(codes) + 1) // 8), "little")
    return b"\x02" + sub_blocks(data)


def sub_blocks(data: bytes) -> bytes:
    pieces = [data[start : start + 255] for start in range(0, len(data), 255)]
    return b"".join(bytes((len(piece),)) + piece for piece in pieces) + b"\0"


# --- BMP ----------------------------------------------------------------------------


def bmp(
    width: int,
    height: int,
    bits: int,
    pixels: bytes,
    *,
    header_bytes: int = 40,
    compression: int = 0,
    masks: Sequence[int] = (),
    palette: bytes = b"",
) -> bytes:
    """A BMP; ``masks`` follow the first 40 bytes of the header, inside it or after it."""
    fields = (header_bytes, width, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    extra = b"".join(struct.pack("<I", mask) for mask in masks)
    extra = extra.ljust(header_bytes - 40, b"\0")
    offset = 14 + 40 + len(extra) + len(palette)
    head = b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset)
    return head + struct.pack("<IiiHHIIiiII", *fields) + extra + palette + pixels
