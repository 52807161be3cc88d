"""The orientation in an EXIF block; nothing else of EXIF is read.

EXIF is a TIFF file inside a picture (TIFF 6.0, section 2). A broken one says nothing
about the pixels, so it counts as upright and is never an error.
"""

import struct

from lookalike.picture.header import UPRIGHT

PREFIX = b"Exif\0\0"  # before the TIFF header in a JPEG's APP1, and in some WebP files
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION_TAG = 274
_SHORT = 3
_MAX_ENTRIES = 512  # a camera writes about twenty


def orientation_of(exif: bytes) -> int:
    """Give the orientation, 1 to 8, of an EXIF block with or without its ``Exif`` prefix."""
    tiff = exif.removeprefix(PREFIX)
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        return _first_directory_orientation(tiff, order)
    except struct.error:  # an offset that points outside
        return UPRIGHT


def _first_directory_orientation(tiff: bytes, order: str) -> int:
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
    for entry in range(min(entries, _MAX_ENTRIES)):
        tag, kind, count, value = struct.unpack_from(
            f"{order}HHIH", tiff, directory + 2 + 12 * entry
        )
        if (tag, kind, count) == (_ORIENTATION_TAG, _SHORT, 1) and 1 <= value <= 8:
            return int(value)
    return UPRIGHT
