"""Bodies that nobody wants: refused before they are read, and dropped while others go on."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from types import SimpleNamespace

import gevent
import pytest
from gevent.socket import socketpair

from search_api import leftovers, worker
from search_api.connection import TURN_BYTES, Connection
from search_api.leftovers import PIECE_BYTES, drop
from search_api.worker import _Wait
from tests.search_api.conftest import Stack

MEGABYTE = 1 << 20


class Body:
    """A body of so many bytes that have all come."""

    def __init__(self, length: int) -> None:
        self.reader = self
        self.length = length

    def read(self, size: int) -> bytes:
        size = min(size, self.length)
        self.length -= size
        return bytes(size)


@contextmanager
def other_turns() -> Iterator[list[int]]:
    """Count how often another greenlet has its turn."""
    turns = [0]

    def take() -> None:
        while True:
            turns[0] += 1
            gevent.sleep(0)

    other = gevent.spawn(take)
    yield turns
    other.kill()


def test_while_a_body_is_dropped_others_have_their_turn() -> None:
    with other_turns() as turns:
        assert drop(SimpleNamespace(body=Body(8 * MEGABYTE)))
    assert turns[0] >= 8 * MEGABYTE // PIECE_BYTES


def test_a_body_without_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "MOST_BYTES", MEGABYTE)
    body = Body(1 << 40)
    assert not drop(SimpleNamespace(body=body))
    assert (1 << 40) - body.length <= MEGABYTE + PIECE_BYTES


def test_while_a_body_is_received_others_have_their_turn() -> None:
    ours, theirs = socketpair()
    connection = Connection(ours)
    connection.begin()
    sender = gevent.spawn(theirs.sendall, bytes(8 * MEGABYTE))
    received = 0
    with other_turns() as turns:
        while received < 8 * MEGABYTE:
            data = connection.recv(8 * MEGABYTE)
            assert len(data) <= TURN_BYTES
            received += len(data)
    assert turns[0] >= 8 * MEGABYTE // TURN_BYTES
    sender.join()
    connection.close()
    theirs.close()


def test_a_head_that_has_begun_must_come_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "HEAD_SECONDS", 0.05)
    waiting: set[gevent.Greenlet] = set()
    wait = _Wait(waiting, 600)
    with gevent.Timeout(60), wait:
        wait.begun()
        gevent.sleep(60)
    assert not waiting


@contextmanager
def connected(stack: Stack) -> Iterator[socket.socket]:
    host, port = stack.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as connection:
        yield connection


def answer(connection: socket.socket) -> tuple[int, bytes]:
    response = HTTPResponse(connection)
    response.begin()
    return response.status, response.read()


def head(path: str, length: int, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "\r\n"]).encode()


def test_after_a_body_that_was_refused_the_connection_goes_on(stack: Stack) -> None:
    with connected(stack) as connection:
        for _ in range(2):
            connection.sendall(head("/nothing", 3 * MEGABYTE) + bytes(3 * MEGABYTE))
            assert answer(connection)[0] == 404
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(connection)[0] == 200


@pytest.mark.parametrize("more", [(), ("Connection: close",)])
def test_whoever_still_sends_what_was_refused_gets_the_answer(
    stack: Stack, more: tuple[str, ...]
) -> None:
    """And no reset in its place, as where a connection is closed with bytes that nobody read."""
    size = leftovers.MOST_BYTES + 4 * MEGABYTE
    with connected(stack) as connection:
        connection.sendall(head("/nothing", 8 * size, *more))
        sent = 0
        try:
            while sent < size:
                sent += connection.send(bytes(MEGABYTE))
        except (BrokenPipeError, ConnectionResetError):
            assert sent > MEGABYTE
        assert answer(connection)[0] == 404


def test_a_body_is_asked_for_once_it_is_wanted(stack: Stack) -> None:
    expects = "Expect: 100-continue"
    with connected(stack) as connection:
        connection.sendall(head("/nothing", 3, expects))
        status, _ = answer(connection)
        assert status == 404
        assert connection.recv(1) == b""
    with connected(stack) as connection:
        connection.sendall(head("/search", 2, expects, "Content-Type: application/json"))
        assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        status, told = answer(connection)
        assert (status, b"missing-picture" in told) == (400, True)


def test_a_body_that_breaks_off_after_its_answer_gets_no_second_one(stack: Stack) -> None:
    chunked = b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    with connected(stack) as connection:
        connection.sendall(chunked)
        assert answer(connection)[0] == 404
        assert connection.recv(1) == b""
