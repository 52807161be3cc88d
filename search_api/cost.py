"""What a kind of work takes of a thread, as it went lately; decides where it runs.

Pure, but for the thread's own clock.
"""

import resource
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

# Until so many were measured, nobody knows.
FEWEST = 8
# As of RFC 6298, which TCP waits by. Of the deviation it takes four times as much: here a moment
# in which the machine is slow would move all work to threads, where it is slower still for as
# long as the queue that comes of it lasts.
MEAN_WEIGHT = 1 / 8
DEVIATION_WEIGHT = 1 / 4
# What waiting for a page of a file counts as, whatever it took: the next disk may be slow.
FAULT_SECONDS = 0.01
# The most that work may hold up the event loop.
LOOP_SECONDS = 0.001
# Measuring takes system calls, a thirtieth of a search by vector: of work that is known to be
# brief one piece in so many is measured, and each that took long by the clock on the wall.
SELDOM = 8


class Cost:
    """An estimate of the seconds that work takes; safe to share between threads.

    Attributes:
        at_most: what most pieces of work do not exceed; infinite while nobody knows.
    """

    def __init__(self) -> None:
        self.at_most = float("inf")
        self._measured = 0
        # Pieces since one was measured, and how often the thread had waited for a disk by then.
        self._unmeasured, self._faults = SELDOM - 1, 0
        self._mean = self._deviation = 0.0

    def measured(self, work: Callable[[], Result]) -> Result:
        """Do some work on this thread, and learn from what it took.

        Counted is the processor's time, and not what other threads had of it meanwhile.
        """
        before = _used()
        result = work()
        self.took(_used() - before)
        return result

    def brief(self, work: Callable[[], Result]) -> Result:
        """Do some work of which :attr:`at_most` is little, always on one and the same thread."""
        if self._unmeasured == SELDOM - 1:
            self._unmeasured, self._faults = 0, _faults()
            return self.measured(work)
        self._unmeasured += 1
        begun = time.perf_counter()
        result = work()
        if time.perf_counter() - begun > LOOP_SECONDS:
            self._took_long()
        return result

    def _took_long(self) -> None:
        """Find out whether that was a disk, or the next piece of work takes long as well."""
        self._unmeasured = SELDOM - 1
        faults = _faults() - self._faults
        if faults:
            self._faults += faults
            self.took(FAULT_SECONDS * faults)

    def took(self, seconds: float) -> None:
        """Learn what one piece of work took."""
        if not self._measured:
            self._mean, self._deviation = seconds, seconds / 2
        else:
            gap = abs(seconds - self._mean)
            self._deviation += DEVIATION_WEIGHT * (gap - self._deviation)
            self._mean += MEAN_WEIGHT * (seconds - self._mean)
        self._measured += 1
        if self._measured >= FEWEST:
            self.at_most = self._mean + self._deviation


def _used() -> float:
    # getrusage has the processor's time too, which it corrects by milliseconds now and then.
    return time.thread_time() + FAULT_SECONDS * _faults()


def _faults() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_majflt
