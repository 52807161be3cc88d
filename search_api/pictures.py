"""Pictures of the index: what is known of them, and what they look like."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np

from lookalike.answers import PictureDetails
from lookalike.errors import PictureNotFound
from lookalike.index import IndexVersion, PictureRow
from lookalike.picture import read_thumbnail
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.native import run_native
from search_api.reading import read_indexed
from search_api.search import place

QUALITY = 85
MEDIA_TYPE = "image/jpeg"
IMAGE = "image"


def find_picture(index: IndexVersion, name: str) -> PictureRow:
    """Find a picture; on a native thread.

    Raises:
        PictureNotFound: it is not in the index, or was deleted.
    """
    picture = index.find(name)
    if picture is None:
        raise PictureNotFound(f"the index has no picture {name!r}")
    return picture


def describe(index: IndexVersion, name: str) -> PictureDetails:
    """Tell what the index knows of a picture; on a native thread; errors as above."""
    picture = find_picture(index, name)
    return PictureDetails(
        id=picture.id,
        label=picture.label,
        uri=place(picture),
        attributes=picture.attributes,
        sha256=picture.sha256.hex(),
        index_version=index.name,
    )


def asks_for_image(environ: Mapping[str, Any]) -> bool:
    """Tell whether a path that ends in ``/image`` means the image of what stands before it.

    The server decodes paths before they are matched, so that an id which itself ends so looks
    the same; its slash comes as %2F, and so it is told apart in what the client sent.
    """
    sent = str(environ.get("RAW_URI") or environ.get("PATH_INFO", ""))
    return unquote(sent.partition("?")[0].rpartition("/")[2]) == IMAGE


def draw(picture: PictureRow, size: int, capacity: Capacity, caller: Caller) -> bytes:
    """Read a picture from its storage and make a JPEG of it.

    Raises:
        PictureUnreadable, PictureError: its file is not there, or none to be decoded.
        DeadlineExceeded, CallerGone: as of :func:`read_indexed`.
    """
    return jpeg_for(read_indexed(picture, capacity, caller), size, capacity, caller)


def jpeg_for(data: bytes, size: int, capacity: Capacity, caller: Caller) -> bytes:
    """Make a JPEG as :func:`jpeg_of` does, on a native thread, if somebody still wants it.

    Raises:
        PictureError: as there.
        DeadlineExceeded, CallerGone: nobody does.
    """

    def make() -> bytes:
        caller.left()
        return jpeg_of(data, size, capacity.decoded_bytes)

    return run_native(make)


def jpeg_of(data: bytes, size: int, limit: int) -> bytes:
    """Make a JPEG of a picture file, its longer side ``size`` pixels.

    Raises:
        PictureError: it is none, or takes more than ``limit`` bytes to decode.
    """
    pixels = read_thumbnail(data, size, max_decoded_bytes=limit)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return np.asarray(encoded).tobytes()
