"""Open-loop load: requests arrive when they arrive, however long the ones before take.

A closed loop asks less as answers take longer, and so hides how long those wait who come
meanwhile. Here an answer's time counts from when its request was due, as users would see it
(G. Tene's coordinated omission; Schroeder, Wierman, Harchol-Balter, "Open Versus Closed", 2006).
"""

import select
import selectors
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle

import msgspec
import numpy as np

from bench.load import OK, Connection

# Kept connections; what is due while all of them wait for an answer is sent as soon as one has it.
MOST_CONNECTIONS = 900
# A first few, so that their handshakes are no part of what is measured.
FIRST_CONNECTIONS = 32


class Arrivals(msgspec.Struct, frozen=True):
    """What came of the requests that arrived.

    Attributes:
        served: seconds from when each answered request was due to its answer.
        shed: how many were turned away (429).
        seconds: from the first that was due to the last answer.
    """

    served: list[float]
    shed: int
    seconds: float

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return len(self.served) / self.seconds


def arrive(
    port: int, requests: Sequence[bytes], rate: float, seconds: float, seed: int = 0
) -> Arrivals:
    """Let requests arrive at random (a Poisson process), and wait until all have their answer.

    Args:
        port: of 127.0.0.1.
        requests: taken in turn.
        rate: of arrivals, a second.
        seconds: for which they arrive.
        seed: of the times.
    """
    dues = _dues(rate, seconds, seed)
    idle = deque(Connection(port) for _ in range(FIRST_CONNECTIONS))
    with selectors.EpollSelector() as selector:
        for connection in idle:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        try:
            return _arrive(port, cycle(requests), dues, idle, selector)
        finally:
            for key in list(selector.get_map().values()):
                key.data.socket.close()


def _dues(rate: float, seconds: float, seed: int) -> deque[float]:
    """Draw when requests are due, in seconds from the start."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, round(rate * seconds))
    return deque(np.cumsum(gaps).tolist())


def _arrive(
    port: int,
    requests: Iterator[bytes],
    dues: deque[float],
    idle: deque[Connection],
    selector: selectors.EpollSelector,
) -> Arrivals:
    begun = time.perf_counter()
    asked: dict[Connection, float] = {}
    served, shed = [], 0
    while dues or asked:
        now = time.perf_counter() - begun
        while dues and dues[0] <= now and (idle or len(asked) < MOST_CONNECTIONS):
            connection = idle.popleft() if idle else _opened(port, selector)
            asked[connection] = dues.popleft()
            connection.send(next(requests))
        # A connection that is free may send what is due next; else only answers matter.
        free = dues and (idle or len(asked) < MOST_CONNECTIONS)
        left = max(0.0, dues[0] + begun - time.perf_counter()) if free else None
        # By select, which waits for parts of a millisecond; epoll would be up to one late.
        select.select([selector], [], [], left)
        for key, _ in selector.select(0):
            connection = key.data
            if connection.receive() is None:
                continue
            due = asked.pop(connection)
            idle.append(connection)
            if connection.status == OK:
                served.append(time.perf_counter() - begun - due)
            else:
                shed += 1
    return Arrivals(served, shed, time.perf_counter() - begun)


def _opened(port: int, selector: selectors.EpollSelector) -> Connection:
    connection = Connection(port)
    selector.register(connection.socket, selectors.EVENT_READ, connection)
    return connection
