"""Errors as RFC 9457 problem documents, each with a stable ``type``."""

import logging
from collections.abc import Iterable
from typing import Annotated

import msgspec
from flask import Flask, Response
from msgspec import UNSET, Meta, UnsetType
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from lookalike import errors
from lookalike.errors import LookalikeError
from search_api.broken_http import broken_http
from search_api.logs import CURRENT, Told
from search_api.metrics import note_problem

URN = "urn:lookalike:problem:"
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
UNAUTHORIZED = 401
LATER = frozenset({429, 503})

# Folders of this machine, which no answer names: what follows them says enough.
_private: set[str] = set()

_log = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True):
    """The document; ``detail`` says what is wrong with this very request."""

    type: str
    title: str
    status: int
    detail: str
    request_id: Annotated[str, Meta(description="As in the service's log.")] | UnsetType = UNSET


def problem_of(error: LookalikeError, request: Told | None = None) -> Problem:
    """Describe an error of our tree, in a request: by default the one at hand, if there is one."""
    request = request or CURRENT.get()
    request_id = UNSET if request is None else request.id
    return Problem(f"{URN}{error.type}", error.title, error.status, said(error), request_id)


def said(error: Exception) -> str:
    """Give an error's words without where this machine keeps the store and the cache."""
    words = str(error)
    for folder in sorted(_private, key=len, reverse=True):
        words = words.replace(f"{folder}/", "")
    return words


def problem_response(error: LookalikeError) -> Response:
    """Answer an error of our tree, and note that it was; 503 says when to try again."""
    note(error, CURRENT.get())
    return response_of(error)


def note(error: LookalikeError, request: Told | None) -> None:
    """Count a problem document, and tell of it in the log of its request."""
    note_problem(error.type)
    if request is not None:
        request.problem = error.type


def response_of(error: LookalikeError, request: Told | None = None) -> Response:
    """Put the answer to an error together; as :func:`problem_of`."""
    document = msgspec.json.encode(problem_of(error, request))
    response = Response(document, error.status, mimetype=MEDIA_TYPE)
    if error.status in LATER:
        response.headers["Retry-After"] = str(_later(error))
    if error.status == UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _later(error: LookalikeError) -> int:
    return error.seconds if isinstance(error, errors.RateLimited) else RETRY_AFTER_SECONDS


def register(app: Flask, private: Iterable[str]) -> None:
    """Make every failure of the application a problem document, which names no folder of these."""
    _private.update(folder for folder in private if folder.startswith("/"))  # a bucket is none
    app.register_error_handler(Exception, failed)


def _http(error: HTTPException) -> Response:
    response = problem_response(_translated(error))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _translated(error: HTTPException) -> LookalikeError:
    if isinstance(error, RequestEntityTooLarge):
        return errors.BodyTooLarge(
            "the request is larger than this service takes (LOOKALIKE_MAX_BODY_BYTES)"
        )
    if isinstance(error, NotFound):
        return errors.NotFound("there is nothing at this path; POST /search answers searches")
    if isinstance(error, MethodNotAllowed):
        allowed = " or ".join(sorted(error.valid_methods or []))
        return errors.MethodNotAllowed(f"this path answers {allowed}")
    return errors.BadRequest(error.description or "the request cannot be understood")


def expected(error: Exception) -> LookalikeError:
    """Give an error of our tree for any failure; the log has what nobody foresaw."""
    if isinstance(error, LookalikeError):
        return error
    broken = broken_http(error)
    if broken is not None:
        return broken
    _log.error("unexpected failure", exc_info=error)
    return LookalikeError("an unexpected failure; the service's log has it")


def failed(error: Exception) -> Response:
    """Answer any failure."""
    return _http(error) if isinstance(error, HTTPException) else problem_response(expected(error))
