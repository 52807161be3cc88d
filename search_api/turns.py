"""Requests begin one by one, and between two of them the event loop looks what has come.

Else all that had come would be answered before anything new is looked at: with a few clients
that ask without a pause, whoever comes beside them would wait for all of theirs, and again.

Who would wait too long for a turn gets none, and is told so soon: requests that arrive faster
than they are answered would make a queue that grows for as long as they do. Telling takes time as
well, so that no more than one is told between two turns.
"""

import time
from collections import deque
from contextvars import ContextVar

import gevent
from gevent.hub import Waiter

# For so long after it has looked a request may begin at once.
FRESH_SECONDS = 0.0005
# A request that would wait longer is turned away: people notice a tenth of a second.
MOST_WAIT_SECONDS = 0.1
# Of a moving average, for each new turn, which counts as a few usual ones at most: a pause, or a
# pod's processor withheld, is none of the callers' doing.
WEIGHT = 0.05
MOST_USUAL, LEAST_SECONDS = 4, 0.001

_has_turn: ContextVar[bool] = ContextVar("has turn", default=True)


def has_turn() -> bool:
    """Tell whether the request at hand got a turn; True outside of a worker."""
    return _has_turn.get()


class Turns:
    """The turns of one event loop, that of the thread that makes this."""

    def __init__(self) -> None:
        self._loop = gevent.get_hub().loop
        self._waiting: deque[Waiter] = deque()
        self._without: deque[Waiter] = deque()  # those who get no turn, and are to be told
        self._looked = time.monotonic()
        # From one turn to the next while others wait, and when the last one of those was.
        self._usual, self._given = 0.0, 0.0
        self._look = self._loop.check(ref=False)
        self._look.start(self._next)
        # While it runs the loop looks without waiting for anything to come.
        self._restless = self._loop.idle(ref=False)

    def wait(self) -> None:
        """Wait for one's turn, in the order of asking; :func:`has_turn` tells whether it came."""
        soon = len(self._waiting) * self._usual <= MOST_WAIT_SECONDS
        _has_turn.set(soon)
        fresh = not self._waiting and time.monotonic() - self._looked < FRESH_SECONDS
        if fresh and soon:
            return
        waiter = Waiter()
        (self._waiting if soon else self._without).append(waiter)
        self._restless.start(_nothing)
        waiter.get()

    def _next(self) -> None:
        self._looked = time.monotonic()
        if self._waiting:
            self._loop.run_callback(self._waiting.popleft().switch, None)
            if self._given:
                self._learn(self._looked - self._given)
        if self._without:
            self._loop.run_callback(self._without.popleft().switch, None)
        self._given = self._looked if self._waiting else 0.0
        if not self._waiting and not self._without:
            self._restless.stop()

    def _learn(self, seconds: float) -> None:
        """Learn how long one turn took."""
        counts = min(seconds, MOST_USUAL * self._usual + LEAST_SECONDS)
        self._usual += WEIGHT * (counts - self._usual)


def _nothing() -> None:
    pass
