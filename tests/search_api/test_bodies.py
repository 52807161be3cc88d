"""What the bodies of requests may take of a worker's memory, all together."""

import socket
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests

from demo.processes import free_port
from lookalike.errors import TooBusy
from search_api.bodies import COUNTED_BYTES, Bodies
from tests.services import process, status, until

LONG = 3 * COUNTED_BYTES


class App:
    """Reads a body, and while it holds it lets something else happen."""

    def __init__(self, bodies: Bodies) -> None:
        self.wsgi, self.meanwhile = bodies.bounded(self._answer), lambda: None
        self.read: list[bytes] = []

    def _answer(self, environ: Any, start_response: Any) -> list[bytes]:
        self.read.append(environ["wsgi.input"].read(*environ.get("sizes", [])))
        self.meanwhile()
        start_response("200 OK", [])
        return [b"read"]

    def ask(self, body: bytes, **environ: Any) -> str:
        statuses: list[str] = []
        whole = {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body)), **environ}
        list(self.wsgi(whole, lambda status, *_: statuses.append(status)))
        return statuses[-1]


def test_what_is_read_is_counted_until_it_is_answered() -> None:
    bodies = Bodies(10 * LONG)
    app = App(bodies)
    held: list[int] = []
    app.meanwhile = lambda: held.append(bodies.held)
    body = bytes(range(256)) * (LONG // 256) + b"end"
    for sizes in ([], [len(body)], [-1], [len(body) + 9]):
        assert app.ask(body, sizes=sizes) == "200 OK"
    assert app.read == [body] * 4
    assert held == [len(body)] * 4
    assert bodies.held == 0


def test_a_body_in_chunks_is_counted_and_a_short_one_is_not() -> None:
    bodies = Bodies(10 * LONG)
    app = App(bodies)
    held: list[int] = []
    app.meanwhile = lambda: held.append(bodies.held)
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    app.ask(b"in chunks", **chunked)
    app.ask(b"short")
    assert held == [9, 0]


def test_a_part_is_counted_as_a_part() -> None:
    bodies = Bodies(10 * LONG)
    app = App(bodies)
    held: list[int] = []
    app.meanwhile = lambda: held.append(bodies.held)
    app.ask(bytes(LONG), sizes=[10])
    assert held == [10]


def test_one_may_be_longer_than_all_may_be_and_no_other_beside_it() -> None:
    bodies = Bodies(LONG - 1)
    outer, inner = App(bodies), App(bodies)
    refused: list[TooBusy] = []

    def beside() -> None:
        with pytest.raises(TooBusy) as caught:
            inner.ask(bytes(LONG))
        refused.append(caught.value)

    outer.meanwhile = beside
    assert outer.ask(bytes(LONG)) == "200 OK"
    assert len(refused) == 1
    assert bodies.held == 0
    assert inner.ask(bytes(LONG)) == "200 OK"


def test_who_comes_while_another_s_body_fills_it_is_told_to_come_again(tmp_path: Path) -> None:
    port = free_port(0)
    environment = {
        "LOOKALIKE_BIND": f"127.0.0.1:{port}",
        "LOOKALIKE_STORE": str(tmp_path / "store"),
        "LOOKALIKE_WORKERS": "1",
        "LOOKALIKE_MAX_BODIES_BYTES": str(LONG),
    }
    head = f"POST /search HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {LONG}"

    def beside() -> int:
        headers = {"Content-Type": "image/png"}
        url = f"http://127.0.0.1:{port}/search"
        return requests.post(url, bytes(LONG), headers=headers, timeout=30).status_code

    with process(["serve"], environment, tmp_path / "log"):
        until(lambda: status(f"http://127.0.0.1:{port}/healthz") == 200, what="the start")
        assert beside() == 503  # there is no index
        with socket.create_connection(("127.0.0.1", port)) as first:
            first.sendall(f"{head}\r\n\r\n".encode())
            assert beside() == 503  # nothing of it has come
            first.sendall(bytes(LONG - 1))
            until(lambda: beside() == 429, what="the refusal")
            first.sendall(bytes(1))
            assert first.recv(12) == b"HTTP/1.1 503"
        assert beside() == 503
