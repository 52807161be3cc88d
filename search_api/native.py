"""Native threads for what would hold up the event loop: decoding, faiss, digests.

A gevent worker answers everything from one thread; work of more than a millisecond
goes to a pool of real threads, and the greenlet waits. Going there and back costs about
half of that, so what is known to take less runs where it is. Requests have one thread a core;
what must not take those, or might hang, has others (apart.py).
"""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import gevent
from gevent.resolver.thread import Resolver
from gevent.threadpool import ThreadPool

from lookalike.errors import TooBusy
from search_api.admission import BUSY, Queue
from search_api.apart import run_on
from search_api.cost import LOOP_SECONDS, Cost
from search_api.metrics import NATIVE
from search_api.turns import MOST_WAIT_SECONDS, has_turn

Result = TypeVar("Result")

# A pool belongs to the hub, and so to the thread, that made it.
_queues: WeakKeyDictionary[Any, Queue] = WeakKeyDictionary()

# Of JSON, which is read in far less than a millisecond.
INLINE_BYTES = 1 << 14

# Other names, of the model server above all, that are looked up at once.
NAMES = 4


def run_native(work: Callable[[], Result]) -> Result:
    """Run ``work`` of a request on a native thread and give its result, or raise its error.

    There it has the context of the request, so that spans and log lines are of it.
    """
    hub, context = gevent.get_hub(), copy_context()
    with NATIVE.track_inprogress(), queue().waited() as begins:

        def counted() -> Result:
            begins()
            return context.run(work)

        return run_on(hub.threadpool, counted)


def run_briefly(work: Callable[[], Result], cost: Cost) -> Result:
    """Run ``work`` of a request at once where such work lately took next to nothing.

    It goes to a native thread otherwise, and until that is known.

    Args:
        work: of one kind.
        cost: what work of that kind takes.
    """
    if cost.at_most < LOOP_SECONDS:
        return cost.brief(work)
    return run_native(lambda: cost.measured(work))


def run_sized(size: int, work: Callable[[], Result]) -> Result:
    """Run ``work`` over some bytes right here where they are few, else as :func:`run_native`."""
    return work() if size <= INLINE_BYTES else run_native(work)


def check_queue() -> None:
    """Turn a new request away where it would wait too long, for a native thread or its turn.

    Raises:
        TooBusy: so it is.
    """
    queue().check()
    if not has_turn():
        raise TooBusy(BUSY)


def queue() -> Queue:
    """Give the count of what waits for this worker's native threads."""
    hub = gevent.get_hub()
    if hub not in _queues:
        _queues[hub] = Queue(native_threads(), MOST_WAIT_SECONDS)
    return _queues[hub]


def size_native_pool(threads: int) -> None:
    """Say how many native threads this worker has for requests."""
    gevent.get_hub().threadpool_size = threads
    gevent.get_hub().threadpool.maxsize = threads


def name_apart() -> None:
    """Have this worker's names looked up on threads of their own.

    By itself gevent takes those of requests, and a look-up knows no timeout: a slow server of
    names would hold all of them.
    """
    hub = gevent.get_hub()
    resolver = Resolver(hub=hub)
    resolver.pool = ThreadPool(NAMES, hub=hub)
    hub.resolver = resolver


def native_threads() -> int:
    """Count the native threads that this worker has for requests."""
    return int(gevent.get_hub().threadpool.maxsize)


def idle_threads() -> int:
    """Count those of them that have nothing to do; one at least, which will have."""
    return max(1, native_threads() - queue().waiting)
