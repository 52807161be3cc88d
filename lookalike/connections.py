"""Kept HTTP connections to one server, for short exchanges: a request, and its whole answer.

The standard library parses the answer; a request leaves in one piece. urllib3 does the same
with more choices in 0.1 ms more a call, which here is as much as a search in an index takes.
"""

import socket
import ssl
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

HTTPS = "https"
MIN_SECONDS = 0.001


class NoAnswer(Exception):
    """There was no answer; the cause is in ``__cause__``."""


class Unreachable(NoAnswer):
    """No connection could be made."""


class Died(NoAnswer):
    """The connection ended before an answer began."""


class BrokeOff(NoAnswer):
    """The connection ended in the middle of an answer."""


class TooSlow(NoAnswer):
    """The time was up."""


class Reply(NamedTuple):
    """A server's answer, whole."""

    status: int
    reason: str
    headers: HTTPMessage
    data: bytes


class Connections:
    """Connections to one server, kept for the next exchange; safe to share between threads.

    Args:
        url: the server, ``http://`` or ``https://``; its path begins the path of each request.
        keep: how many are kept at most.
        headers: sent with each request.

    Raises:
        ValueError: it is no such URL, or a header has a line break.
    """

    def __init__(self, url: str, *, keep: int, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", HTTPS) or not parts.hostname:
            raise ValueError(f"{url} is not a URL that begins with http:// or https://")
        self._host, self._port = parts.hostname, parts.port
        self._tls = ssl.create_default_context() if parts.scheme == HTTPS else None
        self._prefix = parts.path.rstrip("/")
        host = {"Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity"}
        self._headers = _lines({**host, **(headers or {})})
        self._keep, self._kept = keep, list[socket.socket]()
        weakref.finalize(self, _close, self._kept)

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float,
    ) -> Reply:
        """Send a request and read its answer.

        Where the connection ends before an answer begins, the request is sent once more, on a
        new one: that a kept connection has ended is found by using it. So a request may come
        twice, and must be one that can.

        Args:
            method: of HTTP.
            path: percent-encoded, with its query.
            body: to send.
            headers: of this request.
            timeout: seconds to connect, and for each wait after that.

        Raises:
            NoAnswer: one of its kinds.
        """
        request = self._request(method, path, body, headers)
        deadline = time.monotonic() + timeout
        connection = _taken(self._kept) or self._connect(deadline)
        try:
            return self._exchange(connection, method, request, deadline)
        except Died:  # then most likely those that are kept have died too
            self.close()
        return self._exchange(self._connect(deadline), method, request, deadline)

    def close(self) -> None:
        """Close the connections that are kept."""
        _close(self._kept)

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> bytes:
        length = {} if body is None else {"Content-Length": str(len(body))}
        own = _lines({**(headers or {}), **length})
        line = f"{method} {self._prefix}{path} HTTP/1.1\r\n"
        return b"".join((line.encode("ascii"), self._headers, own, b"\r\n", body or b""))

    def _connect(self, deadline: float) -> socket.socket:
        to = (self._host, self._port)
        seconds = _left(deadline)
        connection = (
            HTTPConnection(*to, timeout=seconds)
            if self._tls is None
            else HTTPSConnection(*to, timeout=seconds, context=self._tls)
        )
        try:
            connection.connect()
        except TimeoutError as error:
            raise TooSlow(str(error)) from error
        except OSError as error:
            raise Unreachable(str(error)) from error
        connected: socket.socket = connection.sock
        return connected

    def _exchange(
        self, connection: socket.socket, method: str, request: bytes, deadline: float
    ) -> Reply:
        try:
            response = _answer(connection, method, request, deadline)
            data = _read(response)
        except BaseException:
            connection.close()
            raise
        if response.will_close or len(self._kept) >= self._keep:
            connection.close()
        else:
            self._kept.append(connection)
        return Reply(response.status, response.reason, response.headers, data)


def _answer(
    connection: socket.socket, method: str, request: bytes, deadline: float
) -> HTTPResponse:
    try:
        connection.settimeout(_left(deadline))
        with suppress(ConnectionError):  # it may have answered before it read all
            connection.sendall(request)
        response = HTTPResponse(connection, method=method)
        response.begin()
    except TimeoutError as error:
        raise TooSlow(str(error)) from error
    except (OSError, HTTPException) as error:
        raise Died(str(error)) from error
    return response


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read()
    except TimeoutError as error:
        raise TooSlow(str(error)) from error
    except (OSError, HTTPException) as error:
        raise BrokeOff(str(error)) from error


def _taken(kept: list[socket.socket]) -> socket.socket | None:
    try:
        return kept.pop()
    except IndexError:
        return None


def _close(kept: list[socket.socket]) -> None:
    while (connection := _taken(kept)) is not None:
        connection.close()


def _left(deadline: float) -> float:
    return max(MIN_SECONDS, deadline - time.monotonic())


def _lines(headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ValueError("a header has a line break")
    return lines.encode("latin-1")
