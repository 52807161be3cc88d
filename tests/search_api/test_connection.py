import socket
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.socket import socketpair as gevent_socketpair

from search_api.connection import MOST_KEPT, Connection


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    with theirs:
        connection = Connection(ours)
        yield connection, theirs
        connection.close()


def test_what_is_written_leaves_together(pair: tuple[Connection, socket.socket]) -> None:
    connection, client = pair
    connection.sendall(b"head ")
    connection.sendall(b"body")
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(100)
    connection.flush()
    assert client.recv(100) == b"head body"
    connection.flush()
    with pytest.raises(BlockingIOError):
        client.recv(100)


def test_closing_sends_what_is_left(pair: tuple[Connection, socket.socket]) -> None:
    connection, client = pair
    connection.sendall(b"the last")
    connection.close()
    assert client.recv(100) == b"the last"
    assert client.recv(100) == b""


def test_much_is_not_kept(pair: tuple[Connection, socket.socket]) -> None:
    connection, client = pair
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MOST_KEPT)
    connection.sendall(b"x" * (MOST_KEPT + 1))
    assert client.recv(1) == b"x"


def test_bytes_that_are_sent_at_once_stay_in_their_order(
    pair: tuple[Connection, socket.socket],
) -> None:
    connection, client = pair
    connection.sendall(b"1")
    assert connection.send(b"2") == 1
    assert client.recv(100) == b"12"


def test_a_client_that_left_is_told_of_and_the_connection_is_closed() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    connection = Connection(ours)
    connection.sendall(b"x")
    with pytest.raises(BrokenPipeError):
        connection.close()
    assert connection.fileno() == -1


def test_more_is_received_than_was_asked_for(pair: tuple[Connection, socket.socket]) -> None:
    connection, client = pair
    client.sendall(b"y" * 20_000)
    assert len(connection.recv(8192)) > 8192


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Connection, Any]]:
    """As in a worker: sockets that wait by gevent; but with patience for a moment only."""
    monkeypatch.setattr("search_api.connection.PATIENCE_SECONDS", 0.05)
    ours, theirs = gevent_socketpair()
    connection = Connection(ours)
    yield connection, theirs
    for end in (ours, theirs):
        end.close()


def test_a_body_that_does_not_come_ends_as_if_its_client_had_gone(
    impatient: tuple[Connection, Any],
) -> None:
    connection, client = impatient
    connection.begin()
    client.sendall(b"the beginning")
    assert connection.recv(100) == b"the beginning"
    assert connection.recv(100) == b""
    client.sendall(b"the rest, too late")
    connection.end()
    assert connection.recv(100) == b""


def test_the_more_has_come_the_longer_the_rest_may_take(
    impatient: tuple[Connection, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search_api.connection.SLOWEST_BYTES_A_SECOND", 1000)
    connection, client = impatient
    connection.begin()
    client.sendall(bytes(300))  # which is .3 s more
    assert connection.recv(300) == bytes(300)
    gevent.spawn_later(0.1, client.sendall, b"the rest")
    assert connection.recv(100) == b"the rest"


def test_between_two_requests_it_waits_for_as_long_as_its_reader(
    impatient: tuple[Connection, Any],
) -> None:
    connection, client = impatient
    connection.begin()
    connection.end()
    gevent.spawn_later(0.1, client.sendall, b"GET /")
    assert connection.recv(100) == b"GET /"


def test_a_client_that_does_not_take_its_answer_has_gone(
    impatient: tuple[Connection, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search_api.connection.SLOWEST_BYTES_A_SECOND", 1e12)
    connection, _ = impatient
    with pytest.raises(BrokenPipeError, match="too slowly"):
        connection.sendall(bytes(1 << 24))
