"""A request to put a picture into the index, read from HTTP."""

import msgspec
from flask import Request

from lookalike.catalogue import Attribute
from lookalike.catalogue.rows import reserved
from lookalike.errors import InvalidParameter
from search_api.parameters import (
    FIELD,
    FORM,
    JSON,
    MAX_ATTRIBUTES_BYTES,
    JsonUpload,
    UploadParameters,
)
from search_api.query import decoded, json_body, read_file

HOW = (
    f"send the picture's bytes with a Content-Type of image/*, a {FORM} form with the file field "
    f"{FIELD!r}, or {JSON} with image"
)


class Upload(msgspec.Struct, frozen=True):
    """A picture's bytes, and what is known of it."""

    data: bytes
    label: str | None
    attributes: dict[str, Attribute]


def read_upload(request: Request) -> Upload:
    """Read a request to put a picture.

    Raises:
        UnsupportedMediaType: the Content-Type is not one of a form, a picture and JSON.
        MissingPicture: it has no picture.
        InvalidParameter: something is unknown, not of its type or too large.
    """
    if request.mimetype == JSON:
        body: JsonUpload = decoded(json_body(request), JsonUpload)
        return _upload(body.image.b64, body)
    return _upload(*read_file(request, UploadParameters, HOW))


def _upload(data: bytes, told: UploadParameters) -> Upload:
    _check(told.attributes)
    # A catalogue's empty label is none either.
    return Upload(data, told.label or None, told.attributes)


def _check(attributes: dict[str, Attribute]) -> None:
    """Hold attributes against what a catalogue can say, and a replica can keep in memory."""
    if columns := reserved(attributes):
        raise InvalidParameter(f"attributes: none can be called {columns[0]!r}, as in a catalogue")
    size = len(msgspec.json.encode(attributes))
    if size > MAX_ATTRIBUTES_BYTES:
        raise InvalidParameter(
            f"attributes: they take {size} bytes of JSON, and may take {MAX_ATTRIBUTES_BYTES}"
        )
