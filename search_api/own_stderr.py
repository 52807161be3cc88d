"""Has what C libraries write to stderr by themselves logged as JSON, a line of it a line.

libpng and libjpeg tell there what is wrong with a picture, in words that are no JSON, and cannot be
told not to. So descriptor 2 becomes a pipe, whose lines a thread logs, and what this process has
to say goes to a descriptor of its own: the log, and what Python and faulthandler tell of a crash,
which no thread that ends with the process must have to pass on.
"""

import atexit
import faulthandler
import logging
import os
import sys
import time
from typing import Any, TextIO

import msgspec
from gevent import monkey

from search_api.logs import timestamp

STDERR = 2
LOGGER = "stderr"
# What has no end by then is a line all the same.
MOST_BYTES = 1 << 13
# At the end, for what was written last; a child process may keep the pipe open for longer.
LAST_SECONDS = 1.0

# A greenlet would hold up all others while nothing comes.
_start_thread = monkey.get_original("_thread", "start_new_thread")
_make_lock = monkey.get_original("_thread", "allocate_lock")
_own = STDERR


def write(line: bytes) -> None:
    """Write a line of the log."""
    os.write(_own, line)


def part() -> None:
    """Part what this process says from what libraries write, once."""
    global _own
    if _own != STDERR:
        return
    _own = os.dup(STDERR)
    ours, theirs = os.pipe()
    # What does not fit is lost: a library that waited here for the thread might hold its lock.
    os.set_blocking(theirs, False)
    os.dup2(theirs, STDERR)
    os.close(theirs)
    _move(os.fdopen(_own, "w", buffering=1, errors="backslashreplace", closefd=False))
    passed_on = _make_lock()
    passed_on.acquire()
    _start_thread(_pass_on, (ours, passed_on))
    atexit.register(_join, passed_on)


def _move(stream: TextIO) -> None:
    """Have all that is written by Python go to a stream."""
    former, sys.stderr = sys.stderr, stream
    known = [logging.root, *logging.root.manager.loggerDict.values()]
    for logger in known:
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler) and handler.stream is former:
                handler.setStream(stream)
    if faulthandler.is_enabled():
        faulthandler.enable(stream)


def _join(passed_on: Any) -> None:
    """Have descriptor 2 be what it was, and what was written to the pipe passed on."""
    os.dup2(_own, STDERR)
    passed_on.acquire(timeout=LAST_SECONDS)


def _pass_on(ours: int, passed_on: Any) -> None:
    left = b""
    while piece := os.read(ours, MOST_BYTES):
        *lines, left = (left + piece).split(b"\n")
        if len(left) >= MOST_BYTES:
            lines, left = [*lines, left], b""
        for line in filter(None, map(bytes.strip, lines)):
            write(_told(line))
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
