"""Which thread does what in a worker."""

import threading

import gevent
import pytest

from search_api.apart import run_aside
from search_api.native import run_native, size_native_pool


def test_work_aside_takes_no_thread_from_requests() -> None:
    size_native_pool(1)
    begun, done = threading.Event(), threading.Event()

    def long_work() -> str:
        begun.set()
        done.wait()
        return "digests"

    aside = gevent.spawn(run_aside, long_work)
    gevent.sleep(0)  # lets it begin
    run_native(begun.wait)  # with one thread for requests, the work must have one of its own
    done.set()
    assert aside.get() == "digests"


@pytest.mark.parametrize("run", [run_native, run_aside])
def test_an_error_is_raised_where_the_work_was_asked_for(run: object) -> None:
    def failing() -> None:
        raise ValueError("wrong")

    assert callable(run)
    with pytest.raises(ValueError, match="wrong"):
        run(failing)
