"""Progress of long work: a bar on a terminal, a plain line now and then in a log."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_SECONDS = 10.0


def track(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Pass ``items`` on and report how far along they are on standard error.

    Args:
        items: anything that can be iterated over, one unit of work each.
        what: what is being done, such as ``"embedding"``.
        total: how many there will be; by default ``len(items)`` where it has one.
    """
    meter = Meter(what, total if total is not None else _length(items))
    try:
        for item in items:
            yield item
            meter.add(1)
    finally:
        meter.close()


class Meter:
    """Counts units of work as they are done; for work that comes in uneven steps."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what, self._total, self._done, self._told = what, total, 0, 0
        self._started = self._reported = time.monotonic()
        self._bar = tqdm(total=total, desc=what, unit="") if sys.stderr.isatty() else None

    def add(self, count: int) -> None:
        """Say that ``count`` more units are done."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
        elif time.monotonic() - self._reported >= LOG_SECONDS:
            self._report()

    def close(self) -> None:
        """Finish the bar, or write the last line where the work took long enough for one."""
        if self._bar is not None:
            self._bar.close()
        elif self._reported > self._started and self._told < self._done:
            self._report()

    def _report(self) -> None:
        self._reported, self._told = time.monotonic(), self._done
        rate = self._done / (self._reported - self._started)
        of = f"/{self._total}" if self._total is not None else ""
        sys.stderr.write(f"{self._what}: {self._done}{of} ({rate:.1f}/s)\n")
        sys.stderr.flush()


def _length(items: Iterable[object]) -> int | None:
    return len(items) if isinstance(items, Sized) else None
