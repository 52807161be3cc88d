"""Problem documents as bytes, for requests that never come to the application."""

from functools import cache
from typing import NamedTuple

from lookalike.errors import LookalikeError, TooBusy
from search_api.admission import BUSY
from search_api.logs import HEADER, Told
from search_api.problems import note, response_of
from search_api.security import SECURITY_OF_DATA

# In the place of a request's id, of the length of all that are made here.
SOME_ID = "some-request-that-never-happened"


class Answer(NamedTuple):
    """What goes over the wire, and what the log tells of it."""

    status: int
    body_bytes: int
    wire: bytes


def answer(error: LookalikeError, request: Told, *, close: bool) -> Answer:
    """Answer the request at hand with a problem document, and note that it was."""
    note(error, request)
    return _written(error, request, close=close)


def busy(request: Told, *, close: bool) -> Answer:
    """Tell the request at hand to come again, by what was written once, unless its id is its own.

    All that telling takes is taken from those who are answered.
    """
    error = TooBusy(BUSY)
    if len(request.id) != len(SOME_ID):
        return answer(error, request, close=close)
    note(error, request)
    usual, pieces = _busy(close=close)
    return usual._replace(wire=request.id.encode().join(pieces))


@cache
def _busy(*, close: bool) -> tuple[Answer, list[bytes]]:
    """Write it once; between the pieces stands a request's id."""
    written = _written(TooBusy(BUSY), Told(SOME_ID), close=close)
    return written, written.wire.split(SOME_ID.encode())


def _written(error: LookalikeError, request: Told, *, close: bool) -> Answer:
    response = response_of(error, request)
    response.headers["Connection"] = "close" if close else "keep-alive"
    response.headers[HEADER] = request.id
    response.headers.extend(SECURITY_OF_DATA)
    body = response.get_data()
    head = f"HTTP/1.1 {response.status}\r\n{response.headers}".encode("latin-1")
    return Answer(response.status_code, len(body), head + body)
