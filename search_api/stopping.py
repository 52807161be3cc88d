"""Whether the service is being stopped, which its workers know as soon as their master does.

A worker alone may be told to end while the service goes on (gunicorn's reload); then nobody
needs to look elsewhere, and ``/readyz`` says nothing of it.
"""

import mmap

# Anonymous and shared: made before the fork, so that workers read what the master writes.
_signals = mmap.mmap(-1, 1)


def tell(*, at_once: bool) -> None:
    """Note that the service was told to stop, at once or once more; in its master."""
    _signals[0] = 2 if at_once else min(_signals[0] + 1, 2)


def is_stopping() -> bool:
    """Say whether the service was told to stop."""
    return _signals[0] > 0


def is_in_a_hurry() -> bool:
    """Say whether it was told so by somebody who does not want to wait."""
    return _signals[0] > 1
