"""Threads of their own for work that must not take those of requests (native.py), kind by kind.

What hangs holds up work of its own kind alone: a new version's digests delay no deletion, and a
store, a disk or a server of names that does not answer delays neither searches nor metrics.
"""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import gevent
from gevent.threadpool import ThreadPool
from gevent.util import wrap_errors

Result = TypeVar("Result")

# Files of URLs that may be fetched at once, and so names that are looked up.
FETCHES = 8
# Files of the catalogue that are read at once, and changes that are written.
READS = WRITES = 8
# So that what an operator asks is answered while one long answer is made.
OPERATIONS = 2


class Apart:
    """Runs work of one kind on threads that do nothing else; each worker has its own.

    Args:
        threads: how many; what is more queues up behind itself.
        of_requests: the work has the context of the request, so that spans and log lines are of
            it.
    """

    def __init__(self, threads: int = 1, *, of_requests: bool = False) -> None:
        self._threads, self._of_requests = threads, of_requests
        self._pools: WeakKeyDictionary[Any, ThreadPool] = WeakKeyDictionary()

    def __call__(self, work: Callable[[], Result]) -> Result:
        """Run ``work`` there, and give its result, or raise its error."""
        if not self._of_requests:
            return run_on(self._pool(), work)
        context = copy_context()
        return run_on(self._pool(), lambda: context.run(work))

    def _pool(self) -> ThreadPool:
        hub = gevent.get_hub()
        if hub not in self._pools:
            self._pools[hub] = ThreadPool(self._threads, hub=hub)
        return self._pools[hub]


def run_on(pool: Any, work: Callable[[], Result]) -> Result:
    """Run ``work`` on a pool of threads."""
    # Wrapped, since gevent writes a traceback for an error that leaves the thread by itself.
    result: Result | Exception = pool.apply(wrap_errors(Exception, work))
    if isinstance(result, Exception):
        raise result
    return result


# Long work on new versions: reading, checking, embedding what waits.
run_aside = Apart()
# Short work that must not wait for that.
run_beside = Apart()
# On the log of changes, in a store that may hang for as long as it likes.
run_changing = Apart()
# On the file of API keys, whose disk may hang likewise.
run_keying = Apart()
# What nobody waits for. Of the usual priority: a thread that others go before would at times hold
# Python's lock and not get its turn, and all requests would wait for it.
run_idle = Apart()
# What waits for another machine.
run_outside = Apart()
# Names of URLs: a slow server of names holds a thread for as long as it likes.
run_naming = Apart(FETCHES)
# What an operator asks of the store.
run_operating = Apart(OPERATIONS, of_requests=True)
# What moves CURRENT, and may have to wait for the store's lock.
run_moving = Apart(of_requests=True)
# Reading a file of the catalogue, which its storage may never give; writing a change.
run_reading = Apart(READS, of_requests=True)
run_writing = Apart(WRITES, of_requests=True)
