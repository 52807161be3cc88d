"""What every path works with: the request at hand, the service, and how an answer is made."""

from collections.abc import Callable

import msgspec
from flask import Request, Response, current_app, request

from lookalike.errors import UnsupportedMediaType
from lookalike.key_file import Scope
from search_api.native import run_native
from search_api.parameters import JSON
from search_api.service import Service

EXTENSION = "lookalike"


def service_for(scope: Scope | None, searches: float = 1) -> Service:
    """Give what a path works with, to a request whose key has the scope, and may ask already.

    It counts for the key as so many searches.
    """
    service: Service = current_app.extensions[EXTENSION]
    if scope is not None:
        service.allow(request.headers, scope, searches)
    return service


def request_itself() -> Request:
    """Give the request itself, which other threads can read too, unlike Flask's stand-in."""
    current: Request = request._get_current_object()  # type: ignore[attr-defined]
    return current


def json_request() -> Request:
    """Give the request, which must be of JSON."""
    if request.mimetype != JSON:
        raise UnsupportedMediaType(f"this path takes {JSON}, not {request.mimetype!r}")
    return request_itself()


def answered(document: bytes) -> Response:
    """Answer JSON that was written already."""
    return Response(document, mimetype="application/json")


def as_json(document: object) -> Response:
    """Answer a document of few members, whose JSON is written right here."""
    return answered(msgspec.json.encode(document))


def from_thread(made: Callable[[], object]) -> Response:
    """Make an answer, and its JSON, on a native thread."""
    return answered(run_native(lambda: msgspec.json.encode(made())))
