"""Native threads for what would hold up the event loop: decoding, faiss, digests.

A gevent worker answers everything from one thread; work of more than a millisecond
goes to a pool of real threads, and the greenlet waits. Going there and back costs about
half of that, so what is known to take less runs where it is. Requests have one thread a core;
the index watcher, the log of changes and the file of keys have one each of their own, so that a
new version's digests take none of theirs, and delay no deletion, and a store that hangs holds up
nothing else; what has no hurry at all has one too. Files of the catalogue are read, and changes
written, by a few that do nothing else.

A slow server of names holds a thread for as long as it likes: names that searches' URLs have are
looked up by some that do nothing else, the model server's and all others by some more. What an
operator asks reads the store: two of their own do that, and one more goes back to another
version, which may have to wait for the store's lock.
"""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import gevent
from gevent.resolver.thread import Resolver
from gevent.threadpool import ThreadPool
from gevent.util import wrap_errors

from lookalike.errors import TooBusy
from search_api.admission import BUSY, Queue
from search_api.cost import LOOP_SECONDS, Cost
from search_api.metrics import NATIVE
from search_api.turns import MOST_WAIT_SECONDS, has_turn

Result = TypeVar("Result")

# A pool belongs to the hub, and so to the thread, that made it.
Pools = WeakKeyDictionary[Any, ThreadPool]
_aside: Pools = WeakKeyDictionary()
_beside: Pools = WeakKeyDictionary()
_changing: Pools = WeakKeyDictionary()
_keying: Pools = WeakKeyDictionary()
_idle: Pools = WeakKeyDictionary()
_outside: Pools = WeakKeyDictionary()
_naming: Pools = WeakKeyDictionary()
_operating: Pools = WeakKeyDictionary()
_moving: Pools = WeakKeyDictionary()
_reading: Pools = WeakKeyDictionary()
_writing: Pools = WeakKeyDictionary()
_queues: WeakKeyDictionary[Any, Queue] = WeakKeyDictionary()

# Of JSON, which is read in far less than a millisecond.
INLINE_BYTES = 1 << 14

# Files of URLs that may be fetched at once, and so names that are looked up.
FETCHES = 8
# Other names, of the model server above all, that are looked up at once.
NAMES = 4
# Files of the catalogue that are read at once, and changes that are written.
READS = WRITES = 8
# So that what an operator asks is answered while one long answer is made.
OPERATIONS = 2


def run_native(work: Callable[[], Result]) -> Result:
    """Run ``work`` of a request on a native thread and give its result, or raise its error.

    There it has the context of the request, so that spans and log lines are of it.
    """
    hub, context = gevent.get_hub(), copy_context()
    with NATIVE.track_inprogress(), queue().waited() as begins:

        def counted() -> Result:
            begins()
            return context.run(work)

        return _run(hub.threadpool, counted)


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


def run_aside(work: Callable[[], Result]) -> Result:
    """Run long ``work`` on a thread that no request uses; such work queues up behind itself."""
    return _run(_own_thread(_aside), work)


def run_beside(work: Callable[[], Result]) -> Result:
    """Run short ``work`` that must wait neither for requests nor for :func:`run_aside`'s."""
    return _run(_own_thread(_beside), work)


def run_changing(work: Callable[[], Result]) -> Result:
    """Run ``work`` on the log of changes, in a store that may hang for as long as it likes."""
    return _run(_own_thread(_changing), work)


def run_keying(work: Callable[[], Result]) -> Result:
    """Run ``work`` on the file of API keys, whose disk may hang likewise."""
    return _run(_own_thread(_keying), work)


def run_idle(work: Callable[[], Result]) -> Result:
    """Run ``work`` that nobody waits for, on a thread of its own, of the usual priority.

    One that others go before would at times hold Python's lock and not get its turn, and all
    requests would wait for it: for a tenth of a second where other processes have the cores.
    """
    return _run(_own_thread(_idle), work)


def run_outside(work: Callable[[], Result]) -> Result:
    """Run ``work`` that waits for another machine, on a thread where that holds nothing up."""
    return _run(_own_thread(_outside), work)


def run_naming(work: Callable[[], Result]) -> Result:
    """Run ``work`` that looks up a name, on threads that do nothing else."""
    return _run(_own_thread(_naming, FETCHES), work)


def run_operating(work: Callable[[], Result]) -> Result:
    """Run an operator's ``work`` on the store, however long it waits there, beside all searches.

    As :func:`run_native` does, it has the context of the request.
    """
    context = copy_context()
    return _run(_own_thread(_operating, OPERATIONS), lambda: context.run(work))


def run_moving(work: Callable[[], Result]) -> Result:
    """Run ``work`` that moves ``CURRENT``, and waits for the store's lock, beside all else.

    As :func:`run_native` does, it has the context of the request.
    """
    context = copy_context()
    return _run(_own_thread(_moving), lambda: context.run(work))


def run_reading(work: Callable[[], Result]) -> Result:
    """Run a request's ``work`` of reading a file, which its storage may never give.

    As :func:`run_native` does, it has the context of the request.
    """
    context = copy_context()
    return _run(_own_thread(_reading, READS), lambda: context.run(work))


def run_writing(work: Callable[[], Result]) -> Result:
    """Run a request's ``work`` of writing to the store, likewise."""
    context = copy_context()
    return _run(_own_thread(_writing, WRITES), lambda: context.run(work))


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


def _own_thread(pools: Pools, threads: int = 1) -> ThreadPool:
    hub = gevent.get_hub()
    if hub not in pools:
        pools[hub] = ThreadPool(threads, hub=hub)
    return pools[hub]


def _run(pool: Any, work: Callable[[], Result]) -> Result:
    # Wrapped, since gevent writes a traceback for an error that leaves the thread by itself.
    result: Result | Exception = pool.apply(wrap_errors(Exception, work))
    if isinstance(result, Exception):
        raise result
    return result
