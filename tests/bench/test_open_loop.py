"""Requests that arrive when they arrive."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import open_loop
from bench.load import get
from bench.open_loop import arrive


class Handler(BaseHTTPRequestHandler):
    """Turns away what is asked for so, and takes its time over the rest."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(0.02)
        self.send_response(429 if self.path == "/busy" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_request_is_answered_or_turned_away(port: int) -> None:
    came = arrive(port, [get("/"), get("/"), get("/busy")], rate=150, seconds=0.4)
    assert (len(came.served), came.shed) == (40, 20)
    assert min(came.served) >= 0.02
    assert came.rate == pytest.approx(40 / came.seconds)


def test_who_waits_for_a_connection_waits_from_when_it_was_due(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_loop, "FIRST_CONNECTIONS", 1)
    monkeypatch.setattr(open_loop, "MOST_CONNECTIONS", 1)
    came = arrive(port, [get("/")], rate=1000, seconds=0.02)
    # Twenty that were due at once, answered one after the other.
    assert len(came.served) == 20
    assert max(came.served) >= 15 * 0.02


def test_the_same_times_are_drawn_again() -> None:
    assert open_loop._dues(100, 2, 7) == open_loop._dues(100, 2, 7)
    assert open_loop._dues(100, 2, 7) != open_loop._dues(100, 2, 8)
    assert len(open_loop._dues(100, 2, 7)) == 200
