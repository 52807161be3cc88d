"""From what is looked for to the vector that is searched with, timed by stage."""

import hashlib
import time

import msgspec
import numpy as np

from lookalike.catalogue.storage import read_bytes
from lookalike.errors import (
    InvalidParameter,
    LookalikeError,
    NoFeatures,
    PictureNotFound,
    PictureUnreadable,
)
from lookalike.index import PictureRow
from lookalike.picture import Box, read_picture
from lookalike.serving.base import Pixels
from lookalike.vectors import Vectors, without_features
from search_api.native import run_native
from search_api.query import Embedded, Indexed, Query
from search_api.replica import Serving


class Limits(msgspec.Struct, frozen=True):
    """What reading a picture may take, in bytes."""

    file: int
    decoded: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched with.

    Attributes:
        vector: ``float32[d]``, as the model gives it; never all zero.
        id: of the picture of the index that was asked for, or None.
        sha256: of the picture's bytes, or None where a vector was given.
        decoded: when the pixels were there, by ``time.perf_counter``.
        embedded: when the vector was there.
    """

    vector: Vectors
    id: str | None = None
    sha256: bytes | None = None
    decoded: float
    embedded: float


def ask(query: Query, serving: Serving, limits: Limits) -> Asked:
    """Find the vector of what a query looks for.

    Raises:
        PictureError: the bytes are no usable picture, or the box is not inside it.
        PictureNotFound, PictureUnreadable: the picture of the index is not there.
        InvalidParameter: a vector that is not one of this index.
        NoFeatures: the model sees nothing in it.
        ModelServerError: the model server gave no vector.
    """
    source, box = query.source, query.parameters.box
    if isinstance(source, Embedded):
        now = time.perf_counter()
        return Asked(vector=_usable(source.vector, serving), decoded=now, embedded=now)
    if isinstance(source, Indexed):
        return _indexed(source, box, serving, limits)
    return _picture(source.data, box, serving, limits)


def read_indexed(picture: PictureRow, limits: Limits) -> bytes:
    """Read the file of a picture of the index, on this thread.

    Raises:
        PictureUnreadable: its storage cannot be read, or has another file by now.
    """
    try:
        data = read_bytes(picture.uri, limits.file)
    except (OSError, LookalikeError) as error:
        raise PictureUnreadable(f"the file of {picture.id!r} cannot be read here") from error
    if hashlib.sha256(data).digest() != picture.sha256:
        raise PictureUnreadable(f"the file of {picture.id!r} is another one than was indexed")
    return data


def _indexed(source: Indexed, box: Box | None, serving: Serving, limits: Limits) -> Asked:
    def look_up() -> tuple[PictureRow, Vectors | None]:
        found = serving.index.find(source.id)
        if found is None:
            raise PictureNotFound(f"the index has no picture {source.id!r}")
        row, picture = found
        return picture, serving.index.vectors.vector(row) if box is None else None

    picture, vector = run_native(look_up)
    if vector is None:
        data = run_native(lambda: read_indexed(picture, limits))
        asked = _picture(data, box, serving, limits)
        return msgspec.structs.replace(asked, id=picture.id)
    now = time.perf_counter()
    return Asked(vector=vector, id=picture.id, sha256=picture.sha256, decoded=now, embedded=now)


def _picture(data: bytes, box: Box | None, serving: Serving, limits: Limits) -> Asked:
    contract = serving.index.details.model.picture

    def decode() -> tuple[bytes, Pixels]:
        pixels = read_picture(data, contract, max_decoded_bytes=limits.decoded, box=box)
        return hashlib.sha256(data).digest(), pixels

    sha256, pixels = run_native(decode)
    decoded = time.perf_counter()
    [vector] = serving.embedder.embed(pixels[np.newaxis])
    if not vector.any():
        raise NoFeatures("every unit of dense_1 is off for this picture; try another crop of it")
    return Asked(vector=vector, sha256=sha256, decoded=decoded, embedded=time.perf_counter())


def _usable(vector: Vectors, serving: Serving) -> Vectors:
    dimensions = serving.index.details.model.dimensions
    if vector.shape != (dimensions,):
        raise InvalidParameter(
            f"a vector of this index has {dimensions} numbers, not {len(vector)}"
        )
    if not np.isfinite(vector).all():
        raise InvalidParameter("a vector's numbers are finite, and fit into 32 bits")
    if without_features(vector[np.newaxis])[0]:
        raise NoFeatures("a vector of zeros has no direction")
    return vector
