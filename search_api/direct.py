"""Searches that are JSON, answered before they come to Flask.

For a request and a response Flask takes about as long as a search by vector does altogether.
So the usual form of the paths that are asked most goes around it. What is unusual in any way
(a charset, parameters in the URL, a body in chunks or too large) is left to Flask, and every
failure is the same problem document.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import ClientDisconnected

from search_api.logs import BATCH, SEARCH, note_path
from search_api.native import check_queue
from search_api.parameters import JSON
from search_api.problems import failed
from search_api.query import decode_query
from search_api.service import Service

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def direct(wsgi: "WSGIApplication", service: Service, most_bytes: int) -> "WSGIApplication":
    """Answer ``POST`` of JSON to the paths of searches right here, and all else by an application.

    Args:
        wsgi: the application.
        service: of this worker.
        most_bytes: of a body; the application says what is wrong with a longer one.
    """

    def answered(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        size = _size(environ)
        if not 0 < size <= most_bytes:
            return wsgi(environ, start_response)
        path = environ["PATH_INFO"]
        note_path(path)
        try:
            answer = ANSWERS[path](service, environ, size)
        except Exception as error:  # noqa: BLE001  as of Flask's: every failure has its document
            return failed(error)(environ, start_response)
        headers = [("Content-Type", JSON), ("Content-Length", str(len(answer)))]
        start_response("200 OK", headers)
        return [answer]

    return answered


def _size(environ: "WSGIEnvironment") -> int:
    """Give the size of the body of a search of the usual form; 0: it is of another."""
    usual = (
        environ["PATH_INFO"] in ANSWERS
        and environ["REQUEST_METHOD"] == "POST"
        and environ.get("CONTENT_TYPE") == JSON
        and not environ["QUERY_STRING"]
        and "HTTP_TRANSFER_ENCODING" not in environ
    )
    size = environ.get("CONTENT_LENGTH", "")
    return int(size) if usual and size.isdecimal() else 0


def _search(service: Service, environ: "WSGIEnvironment", size: int) -> bytes:
    service.allow(EnvironHeaders(environ), "search")
    check_queue()
    return service.search(decode_query(_body(environ, size)), environ)


def _batch(service: Service, environ: "WSGIEnvironment", size: int) -> bytes:
    key = service.keys.check(EnvironHeaders(environ), "search")
    check_queue()
    return service.batch(_body(environ, size), key, environ)


def _body(environ: "WSGIEnvironment", size: int) -> bytes:
    body: bytes = environ["wsgi.input"].read(size)
    if len(body) < size:
        raise ClientDisconnected
    return body


ANSWERS = {SEARCH: _search, BATCH: _batch}
