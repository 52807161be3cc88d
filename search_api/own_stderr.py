"""What this process says on stderr: written by a thread, and libraries' lines logged as JSON.

A thread writes, since a log that nobody reads for a while would hold up the event loop.

libpng and libjpeg tell there what is wrong with a picture, in words that are no JSON, and cannot be
told not to. So descriptor 2 becomes a pipe, whose lines a thread logs, and what this process has
to say goes to a descriptor of its own: the log, and what Python and faulthandler tell of a crash,
which no thread that ends with the process must have to pass on.
"""

import atexit
import faulthandler
import io
import logging
import os
import sys
import time
from contextlib import suppress
from typing import Any

import msgspec

from search_api.logs import timestamp
from search_api.queued_lines import LAST_SECONDS, QueuedLines, make_lock, start_thread

STDERR = 2
LOGGER = "stderr"
# What has no end by then is a line all the same.
MOST_BYTES = 1 << 13

_own = STDERR
# None: this process has no thread for them, as gunicorn's master.
_lines: QueuedLines | None = None


class _Log(io.TextIOBase):
    """A stream for handlers of logging, which write a line at a time."""

    def write(self, text: str) -> int:
        """Have it written with all other lines."""
        write(text.encode("utf-8", "backslashreplace"))
        return len(text)


def write(line: bytes) -> None:
    """Write a line of the log, or let go of it; in a process that has begun to, without waiting."""
    if _lines is not None:
        _lines.put(line)
        return
    with suppress(OSError):  # a full disk, or nobody who reads: no request is to end by it
        os.write(_own, line)


def lost() -> int:
    """Count the lines that this process had to let go of."""
    return 0 if _lines is None else _lines.lost


def start(*, parted: bool) -> None:
    """Have all that this process logs written by a thread of its own, from now on; once.

    Args:
        parted: whether what libraries write to stderr by themselves is logged, too.
    """
    global _lines
    if _lines is not None:
        return
    former = sys.stderr
    atexit.register(_end)  # the last to be called, as the first to be registered
    if parted:
        _part()
    _lines = QueuedLines(_own)
    for logger in [logging.root, *logging.root.manager.loggerDict.values()]:
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler) and handler.stream is former:
                handler.setStream(_Log())


def _end() -> None:
    if _lines is not None:
        _lines.end()


def _part() -> None:
    """Part what this process says from what libraries write."""
    global _own
    _own = os.dup(STDERR)
    ours, theirs = os.pipe()
    # What does not fit is lost: a library that waited here for the thread might hold its lock.
    os.set_blocking(theirs, False)
    os.dup2(theirs, STDERR)
    os.close(theirs)
    sys.stderr = os.fdopen(_own, "w", buffering=1, errors="backslashreplace", closefd=False)
    if faulthandler.is_enabled():
        faulthandler.enable(sys.stderr)
    passed_on = make_lock()
    passed_on.acquire()
    start_thread(_pass_on, (ours, passed_on))
    atexit.register(_join, passed_on)


def _join(passed_on: Any) -> None:
    """Have descriptor 2 be what it was, and what was written to the pipe passed on.

    A child process may keep the pipe open for longer.
    """
    os.dup2(_own, STDERR)
    passed_on.acquire(timeout=LAST_SECONDS)


def _pass_on(ours: int, passed_on: Any) -> None:
    left = b""
    try:
        while piece := os.read(ours, MOST_BYTES):
            *lines, left = (left + piece).split(b"\n")
            if len(left) >= MOST_BYTES:
                lines, left = [*lines, left], b""
            for line in filter(None, map(bytes.strip, lines)):
                write(_told(line))
    finally:
        passed_on.release()


def _told(line: bytes) -> bytes:
    told = {
        "time": timestamp(time.time()),
        "level": "warning",
        "logger": LOGGER,
        "message": line.decode("utf-8", "backslashreplace"),
        "pid": os.getpid(),
    }
    return msgspec.json.encode(told) + b"\n"
