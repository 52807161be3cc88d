"""Bodies of requests that a worker holds at once: bounded, however many connect and send.

Each may be as large as LOOKALIKE_MAX_BODY_BYTES, and there may be a thousand connections. What
counts is what has come of them, so that many that send slowly hold no places.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lookalike.errors import TooBusy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MANY = "the service reads more and larger requests than it can hold; try again in a moment"
# Shorter bodies are not counted: a thousand of them are 64 MB.
COUNTED_BYTES = READ_BYTES = 1 << 16


class Bodies:
    """Counts what is held.

    Args:
        most_bytes: all together; one alone may be longer.

    Attributes:
        held: bytes, now.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self.held = most_bytes, 0

    def bounded(self, wsgi: "WSGIApplication") -> "WSGIApplication":
        """Count the bodies that an application reads, until it has answered."""

        def answered(
            environ: "WSGIEnvironment", start_response: "StartResponse"
        ) -> Iterable[bytes]:
            if not _counts(environ):
                return wsgi(environ, start_response)
            body = environ["wsgi.input"] = _Counted(environ["wsgi.input"], self)
            try:
                return wsgi(environ, start_response)
            finally:
                self.held -= body.size

        return answered

    def take(self, size: int, already: int) -> None:
        """Count more bytes of a body.

        Args:
            size: how many.
            already: how many of the same body are counted.

        Raises:
            TooBusy: others are there, and together they are too many.
        """
        if self.held > already and self.held + size > self._most:
            raise TooBusy(MANY)
        self.held += size


class _Counted:
    """A body that is read in pieces, each counted as it comes; ``size``: of those that came."""

    def __init__(self, body: Any, bodies: Bodies) -> None:
        self._body, self._bodies, self.size = body, bodies, 0

    def read(self, size: int = -1) -> bytes:
        pieces: list[bytes] = []
        left = size
        while left:
            piece = self._body.read(READ_BYTES if size < 0 else min(left, READ_BYTES))
            if not piece:
                break
            self._bodies.take(len(piece), self.size)
            self.size += len(piece)
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)


def _counts(environ: "WSGIEnvironment") -> bool:
    length = environ.get("CONTENT_LENGTH") or ""
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    return chunked or not length.isdecimal() or int(length) > COUNTED_BYTES
