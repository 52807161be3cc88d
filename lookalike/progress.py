"""Progress of long work: live on a terminal, a plain line now and then in a log."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
# Tells people one line, wherever the program tells them things.
Say = Callable[[str], None]
LOG_SECONDS = 10.0
TICK_SECONDS = 0.5
COLUMNS = 80  # of a terminal that doesn't know how wide it is
UNMEASURED = "{desc} … {elapsed}"
BAR_SECONDS = 1.0


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


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that work goes on of which nobody knows how long it takes.

    A terminal shows ``what`` and the time since, and nothing any more once it's done; a log
    gets one line at the beginning.
    """
    if not sys.stderr.isatty():
        sys.stderr.write(f"{what} …\n")
        sys.stderr.flush()
        yield
        return
    bar = _TerminalBar(what, None, bar_format=UNMEASURED, leave=False)
    try:
        yield
    finally:
        bar.close()


class Meter:
    """Counts units of work as they are done; for work that comes in uneven steps.

    Args:
        what: what is being done.
        total: how many units there are, or about how many.
        note: gives what else there is to say, whenever a line is written.
    """

    def __init__(self, what: str, total: int | None, note: Callable[[], str] | None = None) -> None:
        self._what, self._total, self._done, self._told = what, total, 0, 0
        self._note = note
        self._started = self._reported = time.monotonic()
        # Of nothing to do there is nothing to see.
        self._bar = _TerminalBar(what, total) if total != 0 and sys.stderr.isatty() else None

    def add(self, count: int) -> None:
        """Say that ``count`` more units are done."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
            if self._note is not None and time.monotonic() - self._reported >= BAR_SECONDS:
                self._reported = time.monotonic()
                self._bar.note(self._note())
        elif time.monotonic() - self._reported >= LOG_SECONDS:
            self._report()

    def reach(self, done: int) -> None:
        """Say that ``done`` units are done in all, some of them by an earlier run maybe."""
        self.add(done - self._done)

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
        left = f", {_left(self._total - self._done, rate)}" if self._total is not None else ""
        note = f"; {self._note()}" if self._note is not None else ""
        sys.stderr.write(f"{self._what}: {self._done}{of} ({rate:.1f}/s{left}{note})\n")
        sys.stderr.flush()


class _TerminalBar:
    """A bar of tqdm that is drawn anew all the time, also while nothing is done.

    It has a descriptor of its own, since standard error may point elsewhere for a while
    (lookalike/quiet.py).
    """

    def __init__(
        self, what: str, total: int | None, bar_format: str | None = None, leave: bool = True
    ) -> None:
        self._terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w")
        self._bar = tqdm(
            desc=what,
            total=total,
            unit="",
            file=self._terminal,
            ncols=os.get_terminal_size(self._terminal.fileno()).columns or COLUMNS,
            bar_format=bar_format,
            leave=leave,
        )
        self._done = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
        self._ticker.start()

    def update(self, count: int) -> None:
        self._bar.update(count)

    def note(self, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        self._done.set()
        self._ticker.join()
        self._bar.close()
        self._terminal.close()

    def _tick(self) -> None:
        while not self._done.wait(TICK_SECONDS):
            self._bar.refresh()


def _left(count: int, rate: float) -> str:
    """Say how long ``count`` more units take at ``rate`` a second."""
    if count <= 0:
        return "done"
    if not rate:
        return "no end in sight"
    return f"{timedelta(seconds=round(count / rate))} left"


def _length(items: Iterable[object]) -> int | None:
    return len(items) if isinstance(items, Sized) else None
