"""Requests begin one by one, and between two of them the event loop looks what has come.

Else all that had come would be answered before anything new is looked at: with a few clients
that ask without a pause, whoever comes beside them would wait for all of theirs, and again.
"""

import time
from collections import deque

import gevent
from gevent.hub import Waiter

# For so long after it has looked a request may begin at once.
FRESH_SECONDS = 0.0005


class Turns:
    """The turns of one event loop, that of the thread that makes this."""

    def __init__(self) -> None:
        self._loop = gevent.get_hub().loop
        self._waiting: deque[Waiter] = deque()
        self._looked = time.monotonic()
        self._look = self._loop.check(ref=False)
        self._look.start(self._next)
        # While it runs the loop looks without waiting for anything to come.
        self._restless = self._loop.idle(ref=False)

    def wait(self) -> None:
        """Wait for one's turn, in the order of asking."""
        if not self._waiting and time.monotonic() - self._looked < FRESH_SECONDS:
            return
        waiter = Waiter()
        self._waiting.append(waiter)
        self._restless.start(_nothing)
        waiter.get()

    def _next(self) -> None:
        self._looked = time.monotonic()
        if self._waiting:
            self._loop.run_callback(self._waiting.popleft().switch, None)
        if not self._waiting:
            self._restless.stop()


def _nothing() -> None:
    pass
