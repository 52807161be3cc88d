"""Which version was refused, why, and when it may be looked at again. Pure, but for a clock."""

import time
from collections.abc import Callable

import msgspec

from lookalike.errors import LookalikeError

LONGEST_SECONDS = 300.0


class _Refused(msgspec.Struct, frozen=True):
    version: str
    problem: LookalikeError
    wait: float
    until: float


class Refusals:
    """Remembers the last version that was refused, so that it isn't copied at every look.

    Args:
        first_seconds: how long it is left alone at first; each further refusal doubles that,
            up to ``LONGEST_SECONDS``.
        clock: gives seconds.
    """

    def __init__(self, first_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._first, self._clock = first_seconds, clock
        self._last: _Refused | None = None

    def check(self, version: str) -> None:
        """Raise why ``version`` was refused while it's to be left alone; forget any other."""
        last = self._last
        if last is None or last.version != version:
            self._last = None
        elif self._clock() < last.until:
            # A new one each time: an error that is raised again and again keeps all its frames.
            raise type(last.problem)(str(last.problem))

    def remember(self, version: str, problem: LookalikeError) -> None:
        """Leave ``version`` alone for longer than the last time."""
        wait = self._first if self._last is None else min(self._last.wait * 2, LONGEST_SECONDS)
        self._last = _Refused(version, problem, wait, self._clock() + wait)
