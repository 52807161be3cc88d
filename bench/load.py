"""Closed-loop load over kept connections: each sends its next request when it has its answer."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

READ_BYTES = 1 << 16
OK, TOO_MANY = 200, 429
PAUSE_SECONDS = 0.2
END_OF_HEAD = b"\r\n\r\n"
LENGTH, LATER = b"content-length:", b"retry-after:"


def post(path: str, body: bytes, media_type: str = "application/json") -> bytes:
    """Write a request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {media_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    """Write a request as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


class Connection:
    """A kept connection.

    Attributes:
        asked: what was sent last.
        status: of the last answer.
        rests_until: a time of ``time.perf_counter``, as it was told; 0: it need not.
    """

    asked, status, rests_until = b"", 0, 0.0

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answer, self._sent = b"", 0.0

    def send(self, request: bytes) -> None:
        """Send a request, where the one before has its answer."""
        self.asked = request
        self._answer, self._sent = b"", time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> float | None:
        """Take in what has come; give the seconds since the request once the answer is whole."""
        data = self.socket.recv(READ_BYTES)
        assert data, "the connection was closed"
        self._answer += data
        head, found, body = self._answer.partition(END_OF_HEAD)
        length = _number(head, LENGTH) if found else None
        assert length is not None or not found, f"an answer without a length: {head!r}"
        if length is None or len(body) < length:
            return None
        self.status, now = int(head.split(b" ", 2)[1]), time.perf_counter()
        assert self.status in (OK, TOO_MANY), self._answer[:400]
        self.rests_until = now + (_number(head, LATER) or 0)
        return now - self._sent


def drive(port: int, requests: Sequence[bytes], connections: int, count: int) -> list[float]:
    """Send ``count`` requests, taken in turn from ``requests``; give each one's seconds.

    A connection that is turned away (429) waits as long as it was told to, and whichever is free
    first asks in its place. Any other answer than 200 fails.
    """
    waiting = deque(islice(cycle(requests), count))
    took: list[float] = []
    with selectors.DefaultSelector() as selector:
        free = [Connection(port) for _ in range(min(connections, count))]
        for connection in free:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        while len(took) < count:
            now = time.perf_counter()
            while waiting and (
                rested := next((one for one in free if one.rests_until <= now), None)
            ):
                free.remove(rested)
                rested.send(waiting.popleft())
            for key, _ in selector.select(_rest(free, now) if waiting else None):
                seconds = key.data.receive()
                if seconds is None:
                    continue
                if key.data.status == TOO_MANY:
                    waiting.appendleft(key.data.asked)
                else:
                    took.append(seconds)
                free.append(key.data)
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return took


def _rest(free: Sequence[Connection], now: float) -> float | None:
    """Tell how long it is until one of these may ask again; None: there is none."""
    return min((one.rests_until - now for one in free), default=None)


def flood(
    port: int, requests: Iterator[bytes], connections: int, seconds: float
) -> tuple[list[float], int]:
    """Ask more than can be answered: every connection at once, whatever comes.

    One that was turned away (429) asks again after a short pause, sooner than it was told to.

    Returns:
        The seconds that each answer took, and how many requests were turned away.
    """
    took, shed, end = [], 0, time.perf_counter() + seconds
    pausing: deque[tuple[float, Connection]] = deque()
    at_work = 0
    with selectors.DefaultSelector() as selector:
        for connection in [Connection(port) for _ in range(connections)]:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            pausing.append((0.0, connection))
        while at_work or time.perf_counter() < end:
            while pausing and pausing[0][0] <= time.perf_counter() < end:
                pausing.popleft()[1].send(next(requests))
                at_work += 1
            for key, _ in selector.select(0.005):
                answered = key.data.receive()
                if answered is None:
                    continue
                at_work -= 1
                if key.data.status == OK:
                    took.append(answered)
                else:
                    shed += 1
                pause = 0.0 if key.data.status == OK else PAUSE_SECONDS
                pausing.append((time.perf_counter() + pause, key.data))
                # Those without a pause come first.
                pausing = deque(sorted(pausing, key=lambda one: one[0]))
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return took, shed


def _number(head: bytes, name: bytes) -> int | None:
    """Read a header that is a number; None: it is not there."""
    for line in head.split(b"\r\n"):
        if line.lower().startswith(name):
            return int(line[len(name) :])
    return None
