"""What takes too long ends with its caller's time, and takes no thread from others."""

import hashlib
import socket
import threading
import time
from types import SimpleNamespace
from typing import Any

import gevent
import numpy as np
import pytest

from lookalike.errors import CallerGone, DeadlineExceeded, StoreError
from lookalike.index import PictureRow
from lookalike.settings import Settings
from search_api.asking import ask
from search_api.batch import Begun, search_batch
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.native import native_threads, run_native, size_native_pool
from search_api.parameters import Parameters
from search_api.pictures import draw
from search_api.query import Embedded, Indexed, Query
from search_api.reading import read_indexed
from search_api.search import search
from search_api.serving import Serving
from search_api.writing import delete
from tests.toy_indexes import empty_details

PICTURE = PictureRow("a", "/none/a.jpg", None, hashlib.sha256(b"").digest(), {})


def capacity() -> Capacity:
    return Capacity.of(Settings())


def serving(**functions: Any) -> Any:
    index: Any = SimpleNamespace(details=empty_details(), name="1", **functions)
    return Serving(index, SimpleNamespace())  # type: ignore[arg-type]


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Files that are not read until the event is set."""
    back = threading.Event()

    def hang(*_: object) -> bytes:
        assert back.wait(60)
        return b""

    monkeypatch.setattr("search_api.reading.read_bytes", hang)
    return back


def test_storage_that_hangs_holds_up_no_search_and_no_deadline(storage: threading.Event) -> None:
    size_native_pool(1)
    caller = Caller(time.monotonic() + 0.5)
    found = serving(find_with_vector=lambda *_, **__: (PICTURE, None))
    asked = Query(Indexed("a"), Parameters())
    work = [
        *[lambda: read_indexed(PICTURE, capacity(), caller)] * 20,  # more than there are threads
        lambda: draw(PICTURE, 64, capacity(), caller),
        lambda: ask(asked, found, capacity(), caller),
    ]
    reading = [gevent.spawn(one) for one in work]
    gevent.sleep(0.05)
    assert gevent.spawn(run_native, lambda: "searched").get(timeout=30) == "searched"
    gevent.joinall(reading, timeout=30)
    assert {type(one.exception) for one in reading} == {DeadlineExceeded}
    storage.set()


def test_a_store_that_takes_no_change_holds_up_no_search() -> None:
    size_native_pool(1)
    back = threading.Event()

    def append(_: object) -> None:
        assert back.wait(60)
        raise OSError("gone")

    log: Any = SimpleNamespace(append=append)
    writing = [gevent.spawn(delete, "a", None, log) for _ in range(native_threads() + 1)]
    gevent.sleep(0.05)
    assert gevent.spawn(run_native, lambda: "searched").get(timeout=30) == "searched"
    assert not any(one.ready() for one in writing)
    back.set()
    gevent.joinall(writing)
    assert {type(one.exception) for one in writing} == {StoreError}


def never(*_: object, **__: object) -> Any:
    raise AssertionError("it was searched for")


def test_a_search_whose_time_is_over_before_it_has_a_thread_is_dropped() -> None:
    query = Query(Embedded(np.ones(128, np.float32)), Parameters())
    with pytest.raises(DeadlineExceeded):
        search(query, serving(nearest=never), capacity(), Caller(time.monotonic() - 1))


def test_a_batch_that_nobody_waits_for_any_more_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    query = Query(Embedded(np.ones(128, np.float32)), Parameters())
    searches = [Begun(query, time.perf_counter())] * 2
    answered = serving(nearest=never)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.close()
        gone = Caller(time.monotonic() + 60, ours)
        with pytest.raises(CallerGone):
            search_batch(searches, answered, capacity(), gone)
    monkeypatch.setattr("search_api.batch.LAST_SECONDS", 0.0)
    late = Caller(time.monotonic() - 1)
    with pytest.raises(DeadlineExceeded):
        search_batch(searches, answered, capacity(), late)
