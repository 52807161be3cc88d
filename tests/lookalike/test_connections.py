"""HTTP connections against servers that end them at every point."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lookalike.connections import BrokeOff, Connections, Died, NoAnswer, TooSlow, Unreachable
from tests.answering import Listener

OK = b"HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-Test: yes\r\n\r\nok"
LAST = OK.replace(b"X-Test: yes", b"Connection: close")
CHUNKED = b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
HALF = OK[:-1]
SILENCE = b""

Script = list[bytes]  # what is answered to each request on one connection, before it is closed


class Server(Listener):
    """Serves each connection by a script of its own."""

    def __init__(self, scripts: list[Script]) -> None:
        self.requests: list[bytes] = []
        self.ended = threading.Event()  # a client closed a connection
        self._scripts = iter(scripts)
        self._over = threading.Event()
        super().__init__(self._play)

    def close(self) -> None:
        self._over.set()
        super().close()

    def _play(self, connection: socket.socket) -> None:
        for reply in next(self._scripts, []):
            self.requests.append(connection.recv(65536))
            if reply == SILENCE:
                self._over.wait(10)
            connection.sendall(reply)
            if reply == HALF:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(5)
                if not connection.recv(1):
                    self.ended.set()


@contextmanager
def trickling(head: bytes, piece: bytes) -> Iterator[str]:
    """Serve answers of which a piece comes each 50 ms."""

    def trickle(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(piece)
            time.sleep(0.05)

    server = Listener(trickle)
    yield server.url
    server.close()


@contextmanager
def served(*scripts: Script, keep: int = 4) -> Iterator[tuple[Server, Connections]]:
    server = Server(list(scripts))
    connections = Connections(f"{server.url}/a", keep=keep, headers={"X-Key": "k"})
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


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_process_that_is_forked_opens_its_own() -> None:
    """On a shared one, parent and child would be given each other's answers."""
    with served([OK, OK, OK], [OK]) as (server, connections):
        ask(connections)
        assert in_a_fork(lambda: ask(connections) == b"ok")
        assert (server.opened, len(server.requests)) == (2, 2)
        ask(connections)
        assert server.opened == 2  # the parent's is still there


def in_a_fork(succeeds: Callable[[], bool]) -> bool:
    """Ask in a process that is a copy of this one."""
    process = os.fork()
    if not process:
        failed = True
        try:
            failed = not succeeds()
        finally:  # whatever comes, no second run of the tests begins
            os._exit(failed)
    return os.waitpid(process, 0)[1] == 0


def test_no_more_are_kept_than_were_asked_for() -> None:
    with served([OK, OK], [OK], keep=0) as (server, connections):
        assert [ask(connections), ask(connections)] == [b"ok", b"ok"]
        assert server.opened == 2


def test_an_end_before_an_answer_is_told_at_once_of_a_new_connection() -> None:
    """Another sending would be a second one: this connection had not ended while it was kept."""
    with served([], [OK]) as (server, connections):
        with pytest.raises(Died):
            ask(connections)
        assert server.opened == 1


def test_an_end_of_a_kept_one_and_of_its_successor_is_told() -> None:
    with served([OK], [], [OK]) as (server, connections):
        ask(connections)
        with pytest.raises(Died):
            ask(connections)
        assert server.opened == 2


@pytest.mark.parametrize(
    ("scripts", "error"),
    [
        ([[HALF]], BrokeOff),
        ([[b"nonsense\r\n\r\n"]], Died),
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


def test_the_time_is_for_all_of_it_however_often_something_comes() -> None:
    with trickling(b"HTTP/1.1 200 Fine\r\nContent-Length: 1000\r\n\r\n", b"x") as url:
        begun = time.monotonic()
        with pytest.raises(TooSlow):
            Connections(url, keep=1).exchange("GET", "/", timeout=0.3)
        assert time.monotonic() - begun < 2


def test_an_interim_answer_is_none() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    with served([early + OK, OK]) as (server, connections):
        for _ in range(2):
            reply = connections.exchange("GET", "/", timeout=5)
            assert (reply.status, reply.data) == (200, b"ok")
        assert server.opened == 1


def test_what_came_while_a_connection_was_kept_answers_nothing() -> None:
    """A proxy says 408 on an idle connection before it closes it."""
    late = OK + b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
    with served([late], [OK]) as (server, connections):
        assert [ask(connections), ask(connections)] == [b"ok", b"ok"]
        assert server.opened == 2


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 10000000000000000000",
        b"Content-Length: 1099511627776",
        b"Transfer-Encoding: chunked\r\n\r\n4000000000000",
        b"Transfer-Encoding: chunked\r\n\r\n-5",
    ],
)
def test_an_answer_of_an_impossible_length_is_none(head: bytes) -> None:
    with (
        served([b"HTTP/1.1 200 Fine\r\n" + head + b"\r\n\r\n"]) as (_, connections),
        pytest.raises(NoAnswer),
    ):
        ask(connections, timeout=0.5)


def test_a_failed_exchange_leaves_no_connection_open() -> None:
    with served([HALF], [OK]) as (server, connections):
        try:
            ask(connections)
        except BrokeOff as error:
            kept = error  # as a program may, and with it all frames
        assert kept.__cause__ is not None
        assert server.ended.wait(5)


@pytest.mark.parametrize("path", ["/a HTTP/1.1\r\n\r\nDELETE /b", "/a b", "/\u00e9", "a", ""])
def test_a_path_cannot_bring_another_request(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        Connections("http://host", keep=1).exchange("GET", path, timeout=1)


def test_an_address_of_ipv6_is_one() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        connections = Connections(f"http://[::1]:{server.getsockname()[1]}", keep=1)
        with pytest.raises(TooSlow):
            connections.exchange("GET", "/", timeout=0.2)
    with pytest.raises(Unreachable):
        Connections("http://[::1]", keep=1).exchange("GET", "/", timeout=1)  # port 80, not 1


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


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/",
        "host:80",
        "http://",
        "file:///etc/passwd",
        "http://ho st/",
        f"http://{'a' * 70}.example/",
        "http://a..b/",
    ],
)
def test_a_url_of_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        Connections(url, keep=1)


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\rb"])
def test_a_header_cannot_bring_another(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        Connections("http://host", keep=1, headers={"X-Key": value})
    with pytest.raises(ValueError, match="line break"):
        Connections("http://host", keep=1).exchange("GET", "/", headers={"X": value}, timeout=1)
