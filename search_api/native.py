"""Native threads for what would hold up the event loop: decoding, faiss, digests.

A gevent worker answers everything from one thread; work of more than a millisecond
goes to its hub's pool of real threads, one a core, and the greenlet waits.
"""

from collections.abc import Callable
from typing import TypeVar

import gevent
from gevent.util import wrap_errors

Result = TypeVar("Result")


def run_native(work: Callable[[], Result]) -> Result:
    """Run ``work`` on a native thread and give its result, or raise what it raised."""
    # Wrapped, since gevent writes a traceback for an error that leaves the thread by itself.
    result: Result | Exception = gevent.get_hub().threadpool.apply(wrap_errors(Exception, work))
    if isinstance(result, Exception):
        raise result
    return result


def size_native_pool(threads: int) -> None:
    """Say how many native threads this worker has."""
    gevent.get_hub().threadpool_size = threads
    gevent.get_hub().threadpool.maxsize = threads
