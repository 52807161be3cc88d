"""Writers of picture files in six formats, whole or broken as asked for."""

from torture.files.avif import body_of, box, grid, turned
from torture.files.bmp import bmp
from torture.files.exif import exif, with_exif
from torture.files.gif import gif, lzw_blocks, sub_blocks
from torture.files.jpeg import flat_jpeg, jpeg_segment
from torture.files.pixels import (
    BLUE,
    EXTENSIONS,
    GREEN,
    RED,
    YELLOW,
    encode,
    quadrants,
    smooth,
)
from torture.files.png import deflated_zeros, png, png_chunk, with_right_checksums
from torture.files.webp import animated_webp, riff, webp_chunk

__all__ = [
    "BLUE",
    "EXTENSIONS",
    "GREEN",
    "RED",
    "YELLOW",
    "animated_webp",
    "bmp",
    "body_of",
    "box",
    "deflated_zeros",
    "encode",
    "exif",
    "flat_jpeg",
    "gif",
    "grid",
    "jpeg_segment",
    "lzw_blocks",
    "png",
    "png_chunk",
    "quadrants",
    "riff",
    "smooth",
    "sub_blocks",
    "turned",
    "webp_chunk",
    "with_exif",
    "with_right_checksums",
]
