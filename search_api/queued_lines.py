"""Lines of the log on their way out: a queue, and a native thread that writes what is in it.

Who writes to a pipe waits for whoever reads it. On the event loop that would hold up every
request, those that ask whether this worker lives among them, for as long as a collector of logs
stands still.
"""

import os
from collections.abc import Iterator
from select import PIPE_BUF
from typing import Any

from gevent import monkey

# A second of the busiest worker; what comes past it, while nobody reads, is let go of.
MOST_LINES = 1 << 12
# At the end, for what was logged last.
LAST_SECONDS = 1.0

# A greenlet would hold up all others while the descriptor takes nothing.
start_thread = monkey.get_original("_thread", "start_new_thread")
make_lock = monkey.get_original("_thread", "allocate_lock")
_make_queue = monkey.get_original("queue", "SimpleQueue")


class QueuedLines:
    """Takes lines on any thread, and never waits; a process that forks has none in its child.

    Args:
        descriptor: that they are written to, in the order in which they came.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: Any = _make_queue()
        self._refused = self._failed = 0  # each counted on threads of its own
        self._written = make_lock()
        self._written.acquire()
        start_thread(self._write_on, ())

    @property
    def lost(self) -> int:
        """How many lines were written nowhere by now."""
        return self._refused + self._failed

    def put(self, line: bytes) -> None:
        """Have a line written, if there is room for it."""
        if self._waiting.qsize() < MOST_LINES:
            self._waiting.put(line)
        else:
            self._refused += 1

    def end(self) -> None:
        """Wait until all is written, for a moment at most; what comes afterwards is not."""
        self._waiting.put(None)
        self._written.acquire(timeout=LAST_SECONDS)

    def _write_on(self) -> None:
        try:
            for lines in self._pieces():
                self._write(lines)
        finally:
            self._written.release()

    def _pieces(self) -> Iterator[list[bytes]]:
        """Give what comes, as much at a time as a pipe takes without others' lines in between."""
        lines: list[bytes] = []
        while (line := self._waiting.get()) is not None:
            if lines and sum(map(len, lines)) + len(line) > PIPE_BUF:
                yield lines
                lines = []
            lines.append(line)
            if self._waiting.empty():
                yield lines
                lines = []
        yield lines

    def _write(self, lines: list[bytes]) -> None:
        left = b"".join(lines)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:  # a full disk, or nobody reads any more: the next lines may fare better
            self._failed += len(lines)
