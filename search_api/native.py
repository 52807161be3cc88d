"""Native threads for what would hold up the event loop: decoding, faiss, digests.

A gevent worker answers everything from one thread; work of more than a millisecond
goes to its hub's pool of real threads, one a core, and the greenlet waits.
"""

from collections.abc import Callable
from typing import TypeVar

import gevent

Result = TypeVar("Result")


def run_native(work: Callable[[], Result]) -> Result:
    """Run ``work`` on a native thread and give its result, or raise what it raised."""
    result: Result = gevent.get_hub().threadpool.apply(work)
    return result


def size_native_pool(threads: int) -> None:
    """Say how many native threads this worker has."""
    gevent.get_hub().threadpool_size = threads
    gevent.get_hub().threadpool.maxsize = threads
