"""A circuit breaker: a model server that is down is not asked by every request. Pure.

After some failures in a row searches that need it are refused at once, without waiting for
a connection or a timeout; every now and then one is let through to see (Nygard, "Release
It!", 2007). A failure while others were answered is none of the model server's being down: one
caller had less time left than its picture had to wait.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lookalike.errors import ModelServerBusy, ModelServerUnavailable

FAILURES = 5
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 15.0


class Breaker:
    """Opens after failures in a row, and closes at the first success.

    Attributes:
        opened: how often it opened, ever.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = self.opened = 0
        self._wait, self._until = FIRST_SECONDS, 0.0
        self._problem = ""
        self._answered = -math.inf

    @property
    def is_open(self) -> bool:
        """Whether the model server is taken to be down."""
        return self._failures >= FAILURES

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Ask the model server, unless it is down.

        Raises:
            ModelServerUnavailable: it is, by the last failures; or it just showed.
        """
        if self.is_open:
            if self._clock() < self._until:
                raise ModelServerUnavailable(f"{self._problem} (it is asked again in a moment)")
            self._until = self._clock() + self._wait  # this one sees, the others go on waiting
        begun = self._clock()
        try:
            yield
        except ModelServerBusy:
            raise  # it runs
        except ModelServerUnavailable as error:
            if self._answered <= begun:
                self._failed(error)
            raise
        self._answered = self._clock()
        self._failures, self._wait = 0, FIRST_SECONDS

    def _failed(self, error: ModelServerUnavailable) -> None:
        was_open = self.is_open
        self._failures += 1
        self._problem = str(error)
        if self.is_open:
            self.opened += not was_open
            self._wait = min(2 * self._wait, LONGEST_SECONDS) if was_open else FIRST_SECONDS
            self._until = self._clock() + self._wait
