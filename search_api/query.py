"""A search request, read from HTTP: strict, and with an error that names what is wrong."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
from flask import Request
from msgspec import UNSET, UnsetType
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from lookalike.errors import (
    BadRequest,
    BodyTooLarge,
    InvalidFilter,
    InvalidParameter,
    MissingPicture,
    UnsupportedMediaType,
)
from lookalike.misfit import misfit
from lookalike.vectors import Vectors
from search_api.native import run_native, run_sized
from search_api.parameters import (
    FIELD,
    FORM,
    JSON,
    NESTED,
    ONE_OF,
    RAW,
    SOURCES,
    EncodedVector,
    ExplainParameters,
    JsonBatch,
    JsonExplain,
    JsonQuery,
    Parameters,
    RawBatch,
    descriptions,
)

HOW = (
    f"send the picture as the file field {FIELD!r} of a {FORM} form, its bytes with a "
    f"Content-Type of image/*, or {JSON} with "
)
# What decoding JSON raises: of its grammar or its types, its UTF-8, its depth.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# Of a search: a vector as numbers, and a large filter. Of a batch: 64 vectors of 4,096 numbers.
MOST_VALUES = 1 << 16
MOST_VALUES_OF_BATCH = (1 << 18) + MOST_VALUES

FLOAT32 = np.dtype("<f4")
FILTER = "filter"
# What Werkzeug reads where a form's bytes are no UTF-8.
REPLACED = "\ufffd"
# Of a form, beside the limit of its whole body: the event loop reads fields, and not the picture.
MOST_PARTS, MOST_FIELD_BYTES = 1000, 500_000
HINT = f"(curl: -F {FIELD}=@photo.jpg)"
LONG_FIELD = (
    f"a field of the form has more than {MOST_FIELD_BYTES} bytes; a picture is sent as a file, "
    f"which has a name {HINT}"
)
Given = TypeVar("Given", bound=msgspec.Struct)


class MemoryRequest(Request):
    """Keeps uploaded files in memory: the body's limit bounds them, and no disk is needed."""

    max_form_parts = MOST_PARTS
    max_form_memory_size = MOST_FIELD_BYTES

    def _get_file_stream(self, *_: object, **__: object) -> Any:
        return io.BytesIO()


class Picture(msgspec.Struct, frozen=True, gc=False):
    """Look for what a picture file shows."""

    data: bytes


class Remote(msgspec.Struct, frozen=True, gc=False):
    """Look for what the picture file behind a URL shows."""

    url: str


class Indexed(msgspec.Struct, frozen=True, gc=False):
    """Look for what a picture of the index shows."""

    id: str


class Embedded(msgspec.Struct, frozen=True, gc=False):
    """Look for what is near a vector: ``float32[d]``, as the model gives it.

    Whoever asks may know in which space it lies (:func:`search_api.asked.space_of`), and of a
    file of which digest it is.
    """

    vector: Vectors
    space: str | None = None
    sha256: bytes | None = None


class Query(msgspec.Struct, frozen=True, gc=False):
    """A search request."""

    source: Picture | Remote | Indexed | Embedded
    parameters: Parameters


def read_query(request: Request) -> Query:
    """Read a search request.

    Raises:
        UnsupportedMediaType: the Content-Type is not one of a form, a picture and JSON.
        BadRequest: it is a broken form.
        BodyTooLarge: it is a form with too many parts, or a field that is too long.
        MissingPicture: there is nothing to look for.
        InvalidParameter: something is unknown, not of its type or out of range.
    """
    if request.mimetype == JSON:
        return decode_query(json_body(request))
    picture, parameters = read_file(request, Parameters, HOW + ONE_OF)
    return Query(Picture(picture), parameters)


def read_explain(request: Request) -> tuple[Picture | Indexed, ExplainParameters]:
    """Read what is to be explained, and by what; errors as :func:`read_query`."""
    if request.mimetype != JSON:
        picture, parameters = read_file(request, ExplainParameters, f"{HOW}one of image and id")
        return Picture(picture), parameters
    body: JsonExplain = decoded(json_body(request), JsonExplain)
    if isinstance(body.image, UnsetType) == isinstance(body.id, UnsetType):
        raise MissingPicture("what is to be explained is exactly one of image and id")
    if isinstance(body.image, UnsetType):
        return Indexed(str(body.id)), body
    return Picture(body.image.b64), body


def batch_body(request: Request) -> bytes:
    """Give the body of a batch of searches, yet to be read (:func:`decode_batch`).

    Raises:
        UnsupportedMediaType: it is not of JSON.
    """
    if request.mimetype != JSON:
        raise UnsupportedMediaType(f"a batch is {JSON}, not {request.mimetype!r}")
    return body_of(request)


def decode_batch(data: bytes) -> Sequence[JsonQuery | msgspec.Raw]:
    """Read a batch of searches, each yet to be decoded, or to be made a query of.

    Raises:
        InvalidParameter: it is no batch, whatever its searches are.
    """
    _demand_few_values(data, MOST_VALUES_OF_BATCH)
    try:
        return msgspec.json.decode(data, type=JsonBatch).queries
    except UNREADABLE:  # so each by itself, since the failure of one is no other's
        batch: RawBatch = decode(data, RawBatch, MOST_VALUES_OF_BATCH)
        return batch.queries


def decode_query(data: bytes) -> Query:
    """Read a search that is JSON; errors as :func:`read_query`."""
    body: JsonQuery = decoded(data, JsonQuery)
    return query_of(body)


def query_of(body: JsonQuery) -> Query:
    """Make a query of a search that is JSON; errors as :func:`read_query`."""
    if sum(getattr(body, name) is not UNSET for name in SOURCES) != 1:
        raise MissingPicture(f"a search has exactly {ONE_OF}")
    return Query(_source(body), body)


def json_body(request: Request) -> bytes:
    """Give the body of a JSON request; raise InvalidParameter where its URL has parameters."""
    if request.args:
        raise InvalidParameter(f"a {JSON} request has its parameters in its body, not its URL")
    return body_of(request)


def read_file(request: Request, kind: type[Given], how: str) -> tuple[bytes, Given]:
    """Give the file that a form or the whole body is, and the parameters with it.

    Args:
        request: that is not of JSON.
        kind: of the parameters.
        how: a file is to be sent, for whoever sent none.

    Raises:
        UnsupportedMediaType, BadRequest, BodyTooLarge, MissingPicture, InvalidParameter: as
            :func:`read_query`.
    """
    media_type = request.mimetype
    given: MultiDict[str, str] = request.args
    if media_type == FORM:
        picture, fields = _form(request, how, kind.__struct_fields__)
        given = CombinedMultiDict([request.args, fields])
    elif media_type.startswith("image/") or media_type in (RAW, ""):
        picture = body_of(request)
        if not picture:
            raise MissingPicture(f"the request's body is empty; {how}")
    else:
        raise UnsupportedMediaType(f"a Content-Type of {media_type!r} is not read here; {how}")
    return picture, parameters_of(given, kind)


def body_of(request: Request, *, kept: bool = False) -> bytes:
    """Give the body; of one that comes in chunks, Werkzeug reads up to the limit and says nothing.

    Args:
        request: that was begun.
        kept: for whoever takes a form apart.

    Raises:
        RequestEntityTooLarge: it is as long as the limit, or longer.
    """
    data = request.get_data(cache=kept)
    if request.content_length is None and len(data) == request.max_content_length:
        raise RequestEntityTooLarge
    return data


def _source(body: JsonQuery) -> Picture | Remote | Indexed | Embedded:
    if not isinstance(body.image, UnsetType):
        return Picture(body.image.b64)
    if not isinstance(body.url, UnsetType):
        return Remote(body.url)
    if not isinstance(body.id, UnsetType):
        return Indexed(body.id)
    if body.box is not None:
        raise InvalidParameter("a vector has no parts: box goes with image, url or id")
    if isinstance(body.vector, EncodedVector):
        return _embedded(body.vector)
    return Embedded(np.asarray(body.vector, np.float32))


def _embedded(given: EncodedVector) -> Embedded:
    """Read a vector that is bytes."""
    data, sha256 = given.b64, given.sha256
    if not data or len(data) % FLOAT32.itemsize:
        raise InvalidParameter(
            f"a vector's b64 holds numbers of {FLOAT32.itemsize} bytes, not {len(data)} bytes"
        )
    return Embedded(
        np.frombuffer(data, FLOAT32),
        space=given.space,
        sha256=bytes.fromhex(sha256) if sha256 else None,
    )


def decoded(data: bytes, kind: type[Any]) -> Any:
    """Read a body of JSON, a long one on a native thread; errors as :func:`decode`."""
    return run_sized(len(data), lambda: decode(data, kind))


def decode(data: bytes | msgspec.Raw, kind: type[Any], most: int = MOST_VALUES) -> Any:
    """Read JSON on this thread; raise InvalidParameter or InvalidFilter for what is wrong.

    Args:
        data: the JSON.
        kind: what it is to be.
        most: values that it may have.
    """
    _demand_few_values(bytes(data), most)
    try:
        try:
            return msgspec.json.decode(data, type=kind)
        except msgspec.ValidationError:
            return msgspec.convert(_with_integers(msgspec.json.decode(data)), kind)
    except UNREADABLE as error:
        raise _refused(error, kind) from error


def _demand_few_values(data: bytes, most: int) -> None:
    """Refuse JSON that would take much memory and time, all of it under Python's lock.

    Lengths are checked only once all of a list is there. But each value beyond the first of a
    list or an object has a comma, and a picture in base64 has none: so they are counted first,
    which takes a thousandth of the time.

    Raises:
        InvalidParameter: there are more than anybody needs.
    """
    if data.count(b",") > most:
        raise InvalidParameter(
            f"the request's JSON has more than {most} values; long vectors are shorter as b64"
        )


def _with_integers(body: Any) -> Any:
    """Make integers of members such as 1.0: to JSON they are, and some languages write them so."""
    if not isinstance(body, dict):
        return body
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in body.items()
    }


def _form(request: Request, how: str, names: Iterable[str]) -> tuple[bytes, MultiDict[str, str]]:
    """Give the picture of a form, and its fields."""
    body_of(request, kept=True)  # the event loop reads it, so that a thread can take it apart
    _take_apart(request)
    if None in request.files or None in request.form:
        raise BadRequest("a part of the form has no name")
    files = request.files.getlist(FIELD)
    if len(files) != 1:
        raise MissingPicture(f"the form has {_instead_of_one(len(files), request)}; {how}")
    fields = MultiDict([*request.form.items(multi=True), *_texts_of_files(request, set(names))])
    if any(REPLACED in text for text in fields.values()):
        raise BadRequest(
            f"a field of the form is no UTF-8, or has {REPLACED!r}, which stands for that"
        )
    picture: bytes = files[0].read()
    return picture, fields


def _take_apart(request: Request) -> None:
    """Have a form read, whose parts are bounded beside its body."""
    try:
        run_native(lambda: request.files)
    except RequestEntityTooLarge as error:  # it does not say of what
        boundary = f"--{request.mimetype_params.get('boundary', '')}".encode()
        many = request.get_data().count(boundary) > MOST_PARTS
        said = f"the form has more than {MOST_PARTS} parts" if many else LONG_FIELD
        raise BodyTooLarge(said) from error


def _texts_of_files(request: Request, names: set[str]) -> Iterator[tuple[str, str]]:
    """Read the fields that came as files, as a browser sends a Blob, whatever it is called."""
    for name, file in request.files.items(multi=True):
        if name == FIELD:
            continue
        if name not in names:
            raise InvalidParameter(f"the form has a file {name!r}, which nothing here reads")
        data = file.read()
        if len(data) > MOST_FIELD_BYTES:
            raise BodyTooLarge(LONG_FIELD)
        yield name, data.decode("utf-8", "replace")


def _instead_of_one(files: int, request: Request) -> str:
    """Say what a form has in place of one file of a picture."""
    if files:
        return f"{files} files named {FIELD!r}"
    if FIELD in request.form:
        return f"text as its field {FIELD!r}, and not a file {HINT}"
    fields = ", ".join(map(repr, sorted({*request.files, *request.form})))
    return f"no file {FIELD!r}, only {fields}" if fields else "no fields"


def parameters_of(given: MultiDict[str, str], kind: type[Given]) -> Given:
    """Read parameters of a URL or a form; raise InvalidParameter for what is wrong."""
    twice = [name for name, values in given.lists() if len(values) > 1]
    if twice:
        raise InvalidParameter(f"{twice[0]!r} is given more than once")
    read = {name: _read_text(name, text) for name, text in given.items()}
    try:
        return msgspec.convert(read, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _refused(error, kind) from error


def _refused(error: Exception, kind: type[msgspec.Struct]) -> InvalidParameter | InvalidFilter:
    if not isinstance(error, msgspec.ValidationError):
        return InvalidParameter(f"the request cannot be read: {error}")
    wrong = misfit(error)
    refusal = InvalidFilter if wrong.field == FILTER else InvalidParameter
    subject = repr(wrong.place) if wrong.place else "the request"
    meaning = descriptions(kind).get(wrong.field)
    return refusal(f"{subject} {wrong.said}" + (f": {meaning}" if meaning else ""))


def _read_text(name: str, text: str) -> object:
    if name == "fields":
        return text.split(",") if text else []  # as in JSON: all of them
    if name not in NESTED:
        return text
    try:
        return msgspec.json.decode(text)
    except UNREADABLE as error:
        raise InvalidParameter(f"{name!r} is JSON, such as in the body: {error}") from error
