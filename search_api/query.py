"""A search request, read from HTTP: strict, and with an error that names what is wrong."""

import io
from typing import Annotated, Any

import msgspec
from flask import Request
from msgspec import Meta
from werkzeug.datastructures import CombinedMultiDict, MultiDict

from lookalike.errors import InvalidParameter, MissingPicture, UnsupportedMediaType

FIELD = "image"
RAW = "application/octet-stream"
FORM = "multipart/form-data"
HOW = (
    f"send the picture as the file field {FIELD!r} of a {FORM} form, "
    "or its bytes with a Content-Type of image/*"
)
MAX_K = 1000


class MemoryRequest(Request):
    """Keeps uploaded files in memory: the body's limit bounds them, and no disk is needed."""

    def _get_file_stream(self, *_: object, **__: object) -> Any:
        return io.BytesIO()


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a search can be told beside the picture."""

    k: Annotated[int, Meta(ge=1, le=MAX_K, description="How many pictures to find.")] = 10


class Query(msgspec.Struct, frozen=True):
    """A search request."""

    picture: bytes
    parameters: Parameters


def read_query(request: Request) -> Query:
    """Read a search request.

    Raises:
        UnsupportedMediaType: the Content-Type is neither a form nor a picture.
        MissingPicture: a form without the file field ``image``.
        InvalidParameter: a parameter that is unknown, not of its type or out of range.
    """
    media_type = request.mimetype
    given: MultiDict[str, str] = request.args
    if media_type == FORM:
        picture = _form_picture(request)
        given = CombinedMultiDict([request.args, request.form])
    elif media_type.startswith("image/") or media_type in (RAW, ""):
        picture = request.get_data(cache=False)
        if not picture:
            raise MissingPicture(f"the request's body is empty; {HOW}")
    else:
        raise UnsupportedMediaType(f"a Content-Type of {media_type!r} is not read here; {HOW}")
    return Query(picture, _parameters(given))


def _form_picture(request: Request) -> bytes:
    files = request.files.getlist(FIELD)
    if len(files) != 1:
        fields = ", ".join(sorted({*request.files, *request.form})) or "no fields"
        found = f"{len(files)} files named {FIELD!r}" if files else f"no file {FIELD!r} ({fields})"
        raise MissingPicture(f"the form has {found}; {HOW}")
    picture: bytes = files[0].read()
    return picture


def _parameters(given: MultiDict[str, str]) -> Parameters:
    twice = [name for name, values in given.lists() if len(values) > 1]
    if twice:
        raise InvalidParameter(f"{twice[0]!r} is given more than once")
    try:
        return msgspec.convert(given.to_dict(), Parameters, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidParameter(f"{error}; k is a whole number from 1 to {MAX_K}") from error
