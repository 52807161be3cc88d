"""The HTTP server under hostile bytes: each answered or closed, and the next one served."""

import gzip
import socket
import zlib

import pytest

from model_server.http_server import MOST_DECOMPRESSED_BYTES, gunzip
from tests.model_server.cases import PREDICT, PROJECTED, ROW
from tests.model_server.http_client import Address

SECONDS = 30


def send(rest: Address, data: bytes) -> bytes:
    """Send bytes as they are, then read until the server closes."""
    with socket.create_connection((rest.host, rest.port), SECONDS) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            return stream.read()


CHUNKED = b"POST /v1/models/toy:predict HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
SIZED = b"POST /v1/models/toy:predict HTTP/1.1\r\nHost: h\r\nContent-Length: %s\r\n\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        SIZED % b"ten",
        SIZED % b"-1",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
        CHUNKED,
    ],
)
def test_a_body_that_cannot_be_followed_is_refused_and_the_connection_closed(
    toy_server: object, rest: Address, request_bytes: bytes
) -> None:
    reply = send(rest, request_bytes)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"Connection: close" in reply
    assert rest.exchange("POST", PREDICT, ROW).json == PROJECTED


@pytest.mark.parametrize(
    "noise", [b"", b"\r\n\r\n", b"\x16\x03\x01\x02", b"GET\r\n\r\n", b"A" * 70000]
)
def test_noise_harms_nobody(toy_server: object, rest: Address, noise: bytes) -> None:
    send(rest, noise)
    assert rest.exchange("POST", PREDICT, ROW).json == PROJECTED


NESTED = (
    '{{"instances": {}}}',
    '{{"inputs": {}}}',
    '{{"instances": [1, {}]}}',
    '{{"signature_name": "two", "instances": [{{"doc": {}}}, {{"x": 1}}]}}',
    '{{"signature_name": {}}}',
)


@pytest.mark.parametrize("document", NESTED)
@pytest.mark.parametrize("depth", [65, 300, *range(930, 1000, 5), 5000])
def test_lists_of_any_depth_are_answered(
    toy_server: object, rest: Address, document: str, depth: int
) -> None:
    body = document.format("[" * depth + "1" + "]" * depth)
    reply = rest.predict(body.encode())
    assert reply.status == 400
    assert reply.error


def test_a_version_may_have_any_number_of_leading_zeros(toy_server: object, rest: Address) -> None:
    assert rest.predict(ROW, f"/versions/{'0' * 5000}1").json == PROJECTED


def test_whatever_fails_is_answered_and_told_in_the_log(
    toy_server: object,
    rest: Address,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("model_server.rest.tensors_from_json", fail)
    reply = rest.exchange("POST", PREDICT, ROW)
    assert (reply.status, reply.error) == (500, "ZeroDivisionError: by zero")
    assert "Traceback" in caplog.text
    monkeypatch.undo()
    assert rest.exchange("POST", PREDICT, ROW).json == PROJECTED


def test_requests_may_follow_each_other_without_waiting(toy_server: object, rest: Address) -> None:
    one = SIZED % str(len(ROW)).encode() + ROW
    assert send(rest, one * 3).count(b"HTTP/1.1 200 OK") == 3


def test_chunks_may_have_extensions_and_trailers(toy_server: object, rest: Address) -> None:
    body = b"%x;name=value\r\n%s\r\n0\r\nTrailer: t\r\n\r\n" % (len(ROW), ROW)
    assert b'"predictions": [[4.0, 6.0]' in send(rest, CHUNKED + body)


def test_decompression_stops_at_its_limit() -> None:
    most = gzip.compress(bytes(MOST_DECOMPRESSED_BYTES), compresslevel=1)
    assert len(gunzip(most)) == MOST_DECOMPRESSED_BYTES
    assert gunzip(gzip.compress(bytes(MOST_DECOMPRESSED_BYTES + 1), compresslevel=1)) == b""


def test_only_gzip_is_decompressed() -> None:
    assert gunzip(zlib.compress(b"plain")) == b""
