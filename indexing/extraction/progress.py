"""Progress of an extraction: pictures, and how busy each stage is, to see which one limits."""

import time
from collections.abc import Callable

from lookalike.progress import Meter


class Stages:
    """Shares of the time that the stages were busy.

    Args:
        processes: how many read.
        sending_seconds: gives the time for which a request was under way.
        clock: gives seconds.
    """

    def __init__(
        self,
        processes: int,
        sending_seconds: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._processes, self._sending_seconds, self._clock = processes, sending_seconds, clock
        self._started = clock()
        self.reading_seconds = self.writing_seconds = 0.0

    def __str__(self) -> str:
        spent = max(self._clock() - self._started, 1e-9)
        shares = {
            "reading": self.reading_seconds / self._processes,
            "embedding": self._sending_seconds(),
            "writing": self.writing_seconds,
        }
        parts = [f"{name} {min(1, seconds / spent):.0%}" for name, seconds in shares.items()]
        return f"busy: {', '.join(parts)}"


def meter(total: int | None, stages: Stages) -> Meter:
    """Make the meter of an extraction of about ``total`` pictures."""
    return Meter("extracting", total, note=lambda: str(stages))
