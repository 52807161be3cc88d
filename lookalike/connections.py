"""Kept HTTP connections to one server, for short exchanges: a request, and its whole answer.

The standard library parses the answer; a request leaves in one piece. urllib3 does the same
with more choices in 0.1 ms more a call, which here is as much as a search in an index takes.
"""

import io
import os
import re
import socket
import ssl
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

HTTPS = "https"
PORTS = {"http": 80, HTTPS: 443}
MIN_SECONDS = 0.001
BUFFER_BYTES = 1 << 16
# Of an answer: more is no answer of a service or a model server.
MOST_BYTES = 1 << 30
# What a path is written in; anything else would be a part of the protocol.
PATH = re.compile(r"/[!-~]*")
HOST = re.compile(r"[^\s/?#@]+")
INTERIM = range(102, 200)  # 100 is passed over by the standard library, 101 is never asked for


class NoAnswer(Exception):
    """There was no answer; the cause is in ``__cause__``."""


class Unreachable(NoAnswer):
    """No connection could be made."""


class Distrusted(Unreachable):
    """The server's certificate is refused."""


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


class _Kept(NamedTuple):
    """A connection that waits for the next exchange, and the process that opened it."""

    connection: socket.socket
    process: int


class Connections:
    """Connections to one server, kept for the next exchange; safe to share between threads.

    A process that is forked opens its own: answers on those of its parent may be the parent's.

    Args:
        url: the server, ``http://`` or ``https://``; its path begins the path of each request.
        keep: how many are kept at most.
        headers: sent with each request.
        harmless: whether requests change nothing, however often they come.

    Raises:
        ValueError: it is no such URL, or a header has a line break.
    """

    def __init__(
        self,
        url: str,
        *,
        keep: int,
        headers: Mapping[str, str] | None = None,
        harmless: bool = False,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not HOST.fullmatch(parts.hostname or ""):
            raise ValueError(f"{url} is not a URL that begins with http:// or https://")
        self._host = _resolvable(parts.hostname or "", url)
        self._port = parts.port or PORTS[parts.scheme]
        self._tls = _context() if parts.scheme == HTTPS else None
        self._prefix = parts.path.rstrip("/")
        named = f"[{self._host}]" if ":" in self._host else self._host
        port = "" if parts.port in (None, PORTS[parts.scheme]) else f":{parts.port}"
        host = {"Host": f"{named}{port}", "Accept-Encoding": "identity"}
        self._headers = _lines({**host, **(headers or {})})
        self._harmless = harmless
        self._keep, self._kept = keep, list[_Kept]()
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

        Where a kept connection ends before an answer begins, the request is sent once more, on
        a new one: that it has ended is found by using it. So a request may come twice, and must
        be one that can; a harmless one is sent once more where a new connection ends, too.

        Args:
            method: of HTTP.
            path: percent-encoded, with its query.
            body: to send.
            headers: of this request.
            timeout: seconds for all of it.

        Raises:
            NoAnswer: one of its kinds.
            ValueError: the path or a header is none.
        """
        request = self._request(method, path, body, headers)
        deadline = time.monotonic() + timeout
        kept = self._taken()
        connection = kept or self._connect(deadline)
        try:
            return self._exchange(connection, method, request, deadline)
        except Died:  # then most likely those that are kept have died too
            self.close()
            if kept is None and not self._harmless:
                raise
        except TooSlow:
            if kept is not None:  # its network may have gone without a word, as theirs
                self.close()
            raise
        return self._exchange(self._connect(deadline), method, request, deadline)

    def close(self) -> None:
        """Close the connections that are kept."""
        _close(self._kept)

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> bytes:
        if not PATH.fullmatch(path):
            raise ValueError(f"{path!r} is no path of a URL")
        length = {} if body is None else {"Content-Length": str(len(body))}
        own = _lines({**(headers or {}), **length})
        line = f"{method} {self._prefix}{path} HTTP/1.1\r\n"
        return b"".join((line.encode("ascii"), self._headers, own, b"\r\n", body or b""))

    def _taken(self) -> socket.socket | None:
        """Take a kept connection on which nothing has come since: that would be no answer."""
        while (kept := _popped(self._kept)) is not None:
            if kept.process == os.getpid() and self._is_usable(kept.connection):
                return kept.connection
            kept.connection.close()
        return None

    def _is_usable(self, connection: socket.socket) -> bool:
        # Over TLS something may have come: what belongs to the encryption itself.
        return self._tls is not None or _is_quiet(connection)

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
        except ssl.SSLCertVerificationError as error:
            raise Distrusted(str(error)) from error
        except OSError as error:
            raise Unreachable(str(error)) from error
        connected: socket.socket = connection.sock
        return connected

    def _exchange(
        self, connection: socket.socket, method: str, request: bytes, deadline: float
    ) -> Reply:
        process = os.getpid()
        try:
            response = _answer(connection, method, request, deadline)
            data = _read(response)
        except BaseException:
            connection.close()
            raise
        if response.will_close or len(self._kept) >= self._keep:
            connection.close()
        else:
            self._kept.append(_Kept(connection, process))
        return Reply(response.status, response.reason, response.headers, data)


def _answer(
    connection: socket.socket, method: str, request: bytes, deadline: float
) -> HTTPResponse:
    try:
        connection.settimeout(_left(deadline))
        with suppress(ConnectionError):  # it may have answered before it read all
            connection.sendall(request)
        answers = _Answers(connection, deadline)
        response = answers.next(method)
        while response.status in INTERIM:
            # Else it closes the file that the next one reads.
            response.fp = None  # type: ignore[assignment]
            response = answers.next(method)
    except TimeoutError as error:
        raise TooSlow(str(error)) from error
    except (OSError, HTTPException, ValueError) as error:
        raise Died(str(error)) from error
    return response


class _Answers:
    """What comes on a connection: answers, each read to its end within the time that there is.

    The standard library asks for a file of a socket. This one is no owner of it, so that
    closing the socket closes it.
    """

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._file = io.BufferedReader(_Incoming(connection, deadline), BUFFER_BYTES)

    def makefile(self, mode: str) -> Any:  # noqa: ARG002  the library's argument
        return self._file

    def next(self, method: str) -> HTTPResponse:
        """Read the head of the next answer."""
        response = HTTPResponse(self, method=method)  # type: ignore[arg-type]
        response.begin()
        return response


class _Incoming(io.RawIOBase):
    """The bytes of a connection, all of them before the deadline."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


def _read(response: HTTPResponse) -> bytes:
    try:
        if (response.length or 0) > MOST_BYTES:
            raise BrokeOff(f"an answer of {response.length} bytes is none")
        return response.read()
    except TimeoutError as error:
        raise TooSlow(str(error)) from error
    except (OSError, HTTPException, ValueError, OverflowError, MemoryError) as error:
        raise BrokeOff(str(error)) from error


def _is_quiet(connection: socket.socket) -> bool:
    """Tell whether a connection is open, and nothing waits to be read."""
    connection.settimeout(0)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


@cache
def _context() -> ssl.SSLContext:
    """Make what checks certificates, once: reading the authorities takes long."""
    return ssl.create_default_context()


def _resolvable(host: str, url: str) -> str:
    """Write a host as it is looked up, which refuses what never can be."""
    try:
        return host if ":" in host else host.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"{url} names no host: {error}") from error


def _popped(kept: list[_Kept]) -> _Kept | None:
    try:
        return kept.pop()
    except IndexError:
        return None


def _close(kept: list[_Kept]) -> None:
    while (one := _popped(kept)) is not None:
        one.connection.close()


def _left(deadline: float) -> float:
    return max(MIN_SECONDS, deadline - time.monotonic())


def _lines(headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise ValueError("a header has a line break")
    return lines.encode("latin-1")
