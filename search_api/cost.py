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


class Cost:
    """An estimate of the seconds that work takes; safe to share between threads.

    Attributes:
        at_most: what most pieces of work do not exceed; infinite while nobody knows.
    """

    def __init__(self) -> None:
        self.at_most = float("inf")
        self._measured = 0
        self._mean = self._deviation = 0.0

    def measured(self, work: Callable[[], Result]) -> Result:
        """Do some work on this thread, and learn from what it took.

        Counted is the processor's time, and not what other threads had of it meanwhile.
        """
        before = _used()
        result = work()
        self.took(_used() - before)
        return result

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
    faults = resource.getrusage(resource.RUSAGE_THREAD).ru_majflt
    return time.thread_time() + FAULT_SECONDS * faults
