"""Broken HTTP, byte by byte: a problem document each time, and the service goes on."""

import json
import socket
from urllib.parse import urlsplit

import pytest
import requests

from tests.search_api.conftest import Stack
from tests.search_api.test_search import JPEG
from tests.services import status

POST = b"POST /search HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
BODIES = [b"image/jpeg", b"application/json", b"multipart/form-data; boundary=b"]


def answer(stack: Stack, message: bytes) -> tuple[int, dict[str, str], str]:
    """Send bytes; give the only answer's status and document, and all that came."""
    address = urlsplit(stack.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(message)
        text = connection.makefile("rb").read().decode()
    head, _, body = text.partition("\r\n\r\n")
    assert text.count("HTTP/1.1 ") == 1
    assert "Content-Type: application/problem+json" in head
    return int(head.split()[1]), json.loads(body), head


@pytest.mark.parametrize(
    ("message", "status", "kind"),
    [
        (b"NONSENSE\r\n\r\n", 400, "bad-request"),
        (b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", 400, "bad-request"),
        (b"GET /healthz\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad-request"),
        (b"GET /healthz HTTP/1.1\r\nHo st: x\r\n\r\n", 400, "bad-request"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n more\r\n\r\n", 400, "bad-request"),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400, "bad-request"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "bad-request"),
        (b"POST /search HTTP/1.1\r\nContent-Length: -4\r\n\r\n", 400, "bad-request"),
        (b"GET /healthz HTTP/1.1\r\nX: %b\r\n\r\n" % (b"x" * 9000), 431, "headers-too-large"),
        (b"GET / HTTP/1.1\r\n%b\r\n" % (b"X: x\r\n" * 101), 431, "headers-too-large"),
        (b"GET /healthz HTTP/1.1\r\nExpect: wonders\r\n\r\n", 417, "expectation-failed"),
        (b"GET /%b HTTP/1.1\r\n\r\n" % (b"x" * 9000), 414, "uri-too-long"),
    ],
)
def test_a_broken_head_is_a_problem(stack: Stack, message: bytes, status: int, kind: str) -> None:
    found, problem, head = answer(stack, message)
    assert (found, problem["type"]) == (status, f"urn:lookalike:problem:{kind}")
    assert problem["status"] == status
    assert "Connection: close" in head


def test_a_url_without_a_path_is_of_the_page_and_leads_nowhere(stack: Stack) -> None:
    address = urlsplit(stack.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        message = b"GET http://elsewhere.example HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        connection.sendall(message)
        head, _, page = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert page == requests.get(stack.url, timeout=10).content


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\nabc",
        b"-5\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcdef\r\n0\r\n\r\n",
        b"3;a\rb\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0\r\nno trailer\r\n\r\n",
        b"%x\r\n%b\r\nzz\r\n" % (len(JPEG), JPEG),
    ],
)
@pytest.mark.parametrize("media_type", BODIES)
def test_a_broken_chunk_is_a_problem_of_the_request(
    stack: Stack, media_type: bytes, chunks: bytes
) -> None:
    found, problem, _ = answer(stack, POST % media_type + chunks)
    assert (found, problem["type"]) == (400, "urn:lookalike:problem:bad-request")
    assert status(f"{stack.url}/healthz") == 200
