"""What is around every request: its id, its span, its time, and headers of every answer.

It is WSGI around the application, so that it is the same whoever answers. Told is the route
and not the path, which may hold an id, or anything.
"""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from flask import Flask, request

from lookalike.errors import BadRequest
from search_api import metrics, tracing
from search_api.access import KEY
from search_api.logs import HEADER, note_path, told
from search_api.security import SECURITY, SECURITY_OF_DATA, Headers, has_policy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

GIVEN_ID = f"HTTP_{HEADER.upper().replace('-', '_')}"


def surrounded(wsgi: "WSGIApplication") -> "WSGIApplication":
    """Surround an application."""

    def answered(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        begun = time.perf_counter()
        environ["PATH_INFO"] = environ["PATH_INFO"] or "/"  # of a URL that ends with its host
        current = environ[KEY] = told(environ.get(GIVEN_ID))
        span = tracing.begin(environ, current)

        def start(status: str, headers: Headers, *error: Any) -> Callable[[bytes], object]:
            headers.append((HEADER, current.id))
            # A page with a policy of its own keeps it.
            headers.extend(SECURITY if has_policy(headers) else SECURITY_OF_DATA)
            code, _, _ = status.partition(" ")
            seconds = time.perf_counter() - begun
            method = environ["REQUEST_METHOD"]
            metrics.note_request(method, current.path, code, seconds, current.problem)
            if span is not None:
                span.end(int(code), current)
            return start_response(status, headers, *error)

        return wsgi(environ, start)

    return answered


def register(app: Flask) -> None:
    """Have the application tell the route of each request, and answer none whose path is none."""
    app.before_request(_note_route)
    app.before_request(check_address)


def check_address() -> None:
    """Hold the path and the query of the request against UTF-8: Werkzeug reads U+FFFD instead.

    So two paths would name one picture, and who puts or deletes the one would change the other;
    and a label would be kept that nobody sent.

    Raises:
        BadRequest: one of them is none.
    """
    # As WSGI hands bytes on.
    path, query = (
        request.environ[name].encode("latin-1") for name in ("PATH_INFO", "QUERY_STRING")
    )
    try:
        path.decode()
        unquote_to_bytes(query).decode()
    except UnicodeError as error:
        raise BadRequest("the URL is no UTF-8 once its %-escapes are read") from error


def _note_route() -> None:
    if request.url_rule is not None:
        note_path(request.url_rule.rule)
