"""How late the event loop is: what runs on it itself waits in no queue that could be counted."""

import time

import gevent

LOOK_SECONDS = 0.02
# Of one look: a second of lateness counts, and a pause, or a pod's processor withheld, does not.
WEIGHT = 0.1

_lag = 0.0


def seconds() -> float:
    """Give the seconds by which a greenlet whose turn it is gets it too late; 0: not watched."""
    return _lag


def watch() -> gevent.Greenlet:
    """Measure the lag of this thread's event loop, in the greenlet that is given back."""
    return gevent.spawn(_watch)


def _watch() -> None:
    global _lag
    try:
        while True:
            due = time.monotonic() + LOOK_SECONDS
            gevent.sleep(LOOK_SECONDS)
            _lag += WEIGHT * (max(0.0, time.monotonic() - due) - _lag)
    finally:
        _lag = 0.0
