"""The picture contract: untrusted bytes become pixels here, and nowhere else.

Training, extraction and queries all call ``read_picture``, so that all see the same
pixels. What happens to the pixels afterwards belongs to the exported graph.
"""

from lookalike.picture.contract import DEFAULT_SIZE, SMALLEST_SIZE, VERSION, Fit, PictureContract
from lookalike.picture.crop import Box, Edges
from lookalike.picture.header import Format, PictureHeader
from lookalike.picture.memory import decoded_bytes
from lookalike.picture.reader import (
    MAX_DECODED_BYTES,
    check_memory,
    inspect_picture,
    read_picture,
    read_thumbnail,
    square_of,
)

__all__ = [
    "DEFAULT_SIZE",
    "MAX_DECODED_BYTES",
    "SMALLEST_SIZE",
    "VERSION",
    "Box",
    "Edges",
    "Fit",
    "Format",
    "PictureContract",
    "PictureHeader",
    "check_memory",
    "decoded_bytes",
    "inspect_picture",
    "read_picture",
    "read_thumbnail",
    "square_of",
]
