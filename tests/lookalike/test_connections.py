"""HTTP connections against servers that end them at every point."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lookalike.connections import BrokeOff, Connections, Died, NoAnswer, TooSlow, Unreachable

OK = b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-Test: yes\r\n\r\nok"
LAST = OK.replace(b"X-Test: yes", b"Connection: close")
CHUNKED = b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
HALF = OK[:-1]
SILENCE = b""

Script = list[bytes]  # what is answered to each request on one connection, before it is closed


class Server:
    """Serves one connection after the other, each by its script."""

    def __init__(self, scripts: list[Script]) -> None:
        self.requests: list[bytes] = []
        self.opened = 0
        self._scripts = iter(scripts)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/a"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.opened += 1
            with connection:
                for reply in next(self._scripts, []):
                    self.requests.append(connection.recv(65536))
                    if reply == SILENCE:
                        self._over.wait(10)
                    connection.sendall(reply)


@contextmanager
def served(*scripts: Script, keep: int = 4) -> Iterator[tuple[Server, Connections]]:
    server = Server(list(scripts))
    connections = Connections(server.url, keep=keep, headers={"X-Key": "k"})
    try:
        yield server, connections
    finally:
        connections.close()
        server.close()


def ask(connections: Connections, timeout: float = 5) -> bytes:
    return connections.exchange("POST", "/b?c=1", b"{}", {"X-Own": "o"}, timeout=timeout).data


def test_a_request_is_whole_and_its_answer_too() -> None:
    with served([OK]) as (server, connections):
        reply = connections.exchange("POST", "/b?c=1", b"{}", {"X-Own": "o"}, timeout=5)
    assert (reply.status, reply.reason, reply.data) == (200, "Fine", b"ok")
    assert reply.headers["x-test"] == "yes"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    assert line == b"POST /a/b?c=1 HTTP/1.1"
    assert body == b"{}"
    host = server.url.split("/")[2].encode()
    assert sorted(headers) == sorted(
        [
            b"Host: " + host,
            b"Accept-Encoding: identity",
            b"X-Key: k",
            b"X-Own: o",
            b"Content-Length: 2",
        ]
    )


@pytest.mark.parametrize("reply", [OK, CHUNKED])
def test_a_connection_is_kept(reply: bytes) -> None:
    with served([reply, reply]) as (server, connections):
        assert [ask(connections), ask(connections)] == [b"ok", b"ok"]
        assert server.opened == 1


def test_one_that_the_server_ends_is_not() -> None:
    with served([LAST], [OK]) as (server, connections):
        assert [ask(connections), ask(connections)] == [b"ok", b"ok"]
        assert server.opened == 2


def test_one_that_ended_while_it_was_kept_is_replaced() -> None:
    with served([OK], [OK]) as (server, connections):
        assert [ask(connections), ask(connections)] == [b"ok", b"ok"]
        assert server.opened == 2


def test_no_more_are_kept_than_were_asked_for() -> None:
    with served([OK, OK], [OK], keep=0) as (server, connections):
        assert [ask(connections), ask(connections)] == [b"ok", b"ok"]
        assert server.opened == 2


def test_an_end_before_an_answer_is_told_after_a_second_try() -> None:
    with served([], [], [OK]) as (server, connections):
        with pytest.raises(Died):
            ask(connections)
        assert server.opened == 2


@pytest.mark.parametrize(
    ("scripts", "error"),
    [
        ([[HALF]], BrokeOff),
        ([[b"nonsense\r\n\r\n"], [b"nonsense\r\n\r\n"]], Died),
        ([[SILENCE]], TooSlow),
    ],
)
def test_an_answer_that_does_not_come_whole_is_an_error(
    scripts: list[Script], error: type[NoAnswer]
) -> None:
    with served(*scripts, [OK]) as (server, connections):
        with pytest.raises(error):
            ask(connections, timeout=0.3)
        assert server.opened == len(scripts)


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        ask(Connections(f"http://127.0.0.1:{port}", keep=1))


def test_an_answer_that_comes_before_the_request_is_read_is_given() -> None:
    """A service may refuse 100 MB by their header alone."""
    with served([LAST]) as (_, connections):
        reply = connections.exchange("PUT", "/b", bytes(1 << 22), timeout=5)
    assert reply.data == b"ok"


@pytest.mark.parametrize("url", ["ftp://host/", "host:80", "http://", "file:///etc/passwd"])
def test_a_url_of_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        Connections(url, keep=1)


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\rb"])
def test_a_header_cannot_bring_another(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        Connections("http://host", keep=1, headers={"X-Key": value})
    with pytest.raises(ValueError, match="line break"):
        Connections("http://host", keep=1).exchange("GET", "/", headers={"X": value}, timeout=1)
