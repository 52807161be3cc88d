"""The event loop that remote storages' clients run on, on a thread of the system.

fsspec makes one by itself where it is first needed, on a new thread. In a gevent worker that
would be a greenlet of whichever thread asked first: that thread could not ask any more, and the
others would wait for it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import fsspec.asyn
from gevent import monkey

_start_thread = monkey.get_original("_thread", "start_new_thread")
_make_lock = monkey.get_original("_thread", "allocate_lock")


def start() -> None:
    """Start it in this process, once, before anything of a remote storage is read."""
    if fsspec.asyn.loop[0] is not None:
        return
    made = _make_lock()
    made.acquire()

    def run() -> None:
        # Made here, since what it waits with belongs to the thread that made it.
        loop = fsspec.asyn.loop[0] = asyncio.new_event_loop()
        loop.set_default_executor(_Threads())
        made.release()
        loop.run_forever()

    _start_thread(run, ())
    made.acquire()


class _Threads(ThreadPoolExecutor):
    """Runs each call, such as looking up a name, on a new thread of the system.

    Those of the usual executor would be greenlets of the loop's thread, for which the worker's
    own would wait at its end, in vain.
    """

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                result = call(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001  whoever waits for it gets it
                future.set_exception(error)
            else:
                future.set_result(result)

        _start_thread(run, ())
        return future
