"""The HTTP server under the REST API: bodies, connections and what libevent answers.

Knows no models. One thread a connection, kept alive, without Nagle's delay.
"""

import zlib
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from model_server.rest import Response

HTML = "text/html"

# TensorFlow Serving's limit (ZLib::kMaxUncompressedBytes).
MOST_DECOMPRESSED_BYTES = 100 << 20

_GZIP = 16 + zlib.MAX_WBITS
_NONSTANDARD_REASONS = {499: "Client Closed Request"}


class Api(Protocol):
    """What answers the requests."""

    def serves(self, path: str) -> bool:
        """Whether the path is the API's."""
        ...

    def answer(self, method: str, path: str, body: bytes) -> Response:
        """Answer a request whose body has been read and decompressed."""
        ...


class HttpServer(ThreadingHTTPServer):
    """Listens from the start; answers once ``serve_forever`` runs.

    Args:
        host: address to listen on.
        port: 0 for any that is free.
        api: answers the requests.
    """

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, host: str, port: int, api: Api) -> None:
        self.api = api
        super().__init__((host, port), _Handler)


class _MalformedBody(Exception):
    """The body's framing cannot be followed; the connection is of no more use."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered, so that headers and body leave together; flushed a request
    server: HttpServer

    def _handle(self) -> None:
        try:
            body = self._read_body()
        except _MalformedBody:
            self.close_connection = True
            self._write(_html(HTTPStatus.BAD_REQUEST))
            return
        self._write(self._respond(body))

    # The names that http.server looks for.
    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = _handle  # noqa: N815

    def handle_expect_100(self) -> bool:
        """Let the client send its body now."""
        leave = super().handle_expect_100()
        self.wfile.flush()
        return leave

    def _respond(self, body: bytes) -> Response:
        if not self.server.api.serves(self.path):
            return _html(HTTPStatus.NOT_FOUND)
        if self.command == "OPTIONS":
            return self._preflight()
        return self.server.api.answer(self.command, self.path, body)

    def _preflight(self) -> Response:
        origin = self.headers.get("Origin", "")
        allowed = origin.startswith(("http://", "https://"))
        status = HTTPStatus.OK if allowed else HTTPStatus.BAD_REQUEST
        return Response(status, b"", HTML)

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b"".join(iter(self._read_chunk, b""))
            self._read_trailers()
        else:
            body = self.rfile.read(_number(self.headers.get("Content-Length", "0"), 10))
        return gunzip(body) if "gzip" in self.headers.get("Content-Encoding", "") else body

    def _read_chunk(self) -> bytes:
        """One chunk of a chunked body; empty at its end."""
        size = _number(self.rfile.readline(1024).partition(b";")[0].decode("latin-1"), 16)
        if size == 0:
            return b""
        chunk = self.rfile.read(size)
        if self.rfile.readline(8).strip():
            raise _MalformedBody
        return chunk

    def _read_trailers(self) -> None:
        while self.rfile.readline(65536).strip():
            pass

    def _write(self, response: Response) -> None:
        # Without the Server header that send_response adds: the real one sends none.
        reason = _NONSTANDARD_REASONS.get(response.status)
        self.send_response_only(response.status, reason)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, *_: object) -> None:
        """Write nothing: requests are counted in the metrics."""


def gunzip(body: bytes) -> bytes:
    """Decompress a body; an empty one stands for what cannot be, as in the real server."""
    decompressor = zlib.decompressobj(_GZIP)
    try:
        plain = decompressor.decompress(body, MOST_DECOMPRESSED_BYTES)
    except zlib.error:
        return b""
    return plain if decompressor.eof else b""


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError as error:
        raise _MalformedBody from error
    if number < 0:
        raise _MalformedBody
    return number


def _html(status: HTTPStatus) -> Response:
    """The page that libevent writes for paths which nobody serves."""
    page = (
        f"<HTML><HEAD>\n<TITLE>{status.value} {status.phrase}</TITLE>\n</HEAD><BODY>\n"
        f"<H1>{status.phrase}</H1>\n</BODY></HTML>\n"
    )
    return Response(status, page.encode(), HTML)
