"""Which thread does what in a worker."""

import threading
import time

import gevent
import pytest

from lookalike.errors import TooBusy
from search_api import lag
from search_api.native import (
    MOST_WAIT_SECONDS,
    check_queue,
    run_aside,
    run_native,
    size_native_pool,
)


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


def hold_up(times: int) -> None:
    for _ in range(times):
        time.sleep(2 * MOST_WAIT_SECONDS)  # what nothing on the event loop should do
        gevent.sleep(0.001)


def test_a_loop_that_is_late_takes_nothing_new() -> None:
    watching = lag.watch()
    gevent.sleep(3 * lag.LOOK_SECONDS)
    check_queue()
    hold_up(times=1)
    check_queue()  # one pause is none of the callers' doing
    hold_up(times=15)
    with pytest.raises(TooBusy):
        check_queue()
    while lag.seconds() > MOST_WAIT_SECONDS:
        gevent.sleep(lag.LOOK_SECONDS)
    check_queue()
    watching.kill()
    assert lag.seconds() == 0
