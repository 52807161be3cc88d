"""How one picture gets its vector: cached, admitted, guarded, and dropped where nobody waits."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import numpy as np
import pytest

from lookalike.errors import (
    CallerGone,
    DeadlineExceeded,
    ModelServerUnavailable,
    TooBusy,
)
from lookalike.picture import Box, PictureContract
from lookalike.picture.contract import Pixels
from lookalike.settings import Settings
from lookalike.vectors import Vectors
from search_api.asked import Asked
from search_api.asking import ask
from search_api.breaker import FAILURES
from search_api.caller import Caller
from search_api.capacity import Capacity
from search_api.parameters import Parameters
from search_api.query import Picture, Query
from tests.pictures import write_pictures


class Counting:
    """An embedder that counts its calls, and can be down."""

    def __init__(self) -> None:
        self.timeouts: list[float] = []
        self.down = False

    def embed(self, pixels: Pixels, timeout: float, headers: object) -> Vectors:
        assert headers is None  # nothing is traced
        self.timeouts.append(timeout)
        if self.down:
            raise ModelServerUnavailable("nobody answers")
        return pixels.reshape(len(pixels), -1)[:, :128].astype(np.float32) + 1


class Worker:
    """What a request meets."""

    def __init__(self, pictures: list[bytes], capacity: Capacity) -> None:
        self.embedder, self.capacity, self.pictures = Counting(), capacity, pictures
        model = SimpleNamespace(
            name="m", version=1, weights_sha256="0", picture=PictureContract(size=32)
        )
        index = SimpleNamespace(details=SimpleNamespace(model=model))
        self.model, self.serving = model, SimpleNamespace(index=index, embedder=self.embedder)

    def ask(self, number: int = 0, box: Box | None = None, caller: Caller | None = None) -> Asked:
        query = Query(Picture(self.pictures[number]), Parameters(box=box))
        serving: Any = self.serving
        return ask(query, serving, self.capacity, caller or Caller(time.monotonic() + 60))


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    paths = sorted(write_pictures(tmp_path, labels=1, each=8).rglob("*.*"))
    return Worker([path.read_bytes() for path in paths], Capacity.of(Settings()))


def test_a_picture_is_embedded_once(worker: Worker) -> None:
    first, again = worker.ask(), worker.ask()
    assert (first.vector == again.vector).all()
    assert first.sha256 == again.sha256
    assert len(worker.embedder.timeouts) == 1
    assert (worker.capacity.cache.hits, worker.capacity.cache.misses) == (1, 1)


def test_a_part_of_it_or_another_model_is_another_vector(worker: Worker) -> None:
    worker.ask()
    worker.ask(box=Box(0, 0, 0.5, 0.5))
    worker.model.weights_sha256 = "1"
    worker.ask()
    assert len(worker.embedder.timeouts) == 3


def test_the_cache_lets_go_of_what_was_used_longest_ago(worker: Worker) -> None:
    small = Settings(vector_cache_bytes=2 * (128 * 4 + 500))
    worker.capacity = Capacity.of(small)
    for number in (0, 1, 0, 2, 0, 1):
        worker.ask(number)
    assert worker.capacity.cache.hits == 2
    assert len(worker.embedder.timeouts) == 4


def test_the_model_server_is_given_the_time_that_is_left(worker: Worker) -> None:
    worker.ask(caller=Caller(time.monotonic() + 3))
    assert 0 < worker.embedder.timeouts[0] <= 3


def test_what_would_come_too_late_is_not_begun(worker: Worker) -> None:
    with pytest.raises(DeadlineExceeded):
        worker.ask(caller=Caller(time.monotonic() - 1))
    assert not worker.embedder.timeouts


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_what_nobody_waits_for_is_dropped(
    worker: Worker, connection: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = connection
    caller = Caller(time.monotonic() + 60, ours)
    worker.ask(0, caller=caller)
    theirs.sendall(b"the next request")
    worker.ask(1, caller=caller)
    theirs.close()
    with pytest.raises(CallerGone):
        worker.ask(2, caller=caller)
    ours.close()
    with pytest.raises(CallerGone):
        worker.ask(3, caller=caller)
    assert len(worker.embedder.timeouts) == 2


def test_a_model_server_that_is_down_is_left_alone_and_cached_pictures_go_on(
    worker: Worker,
) -> None:
    worker.ask(0)
    worker.embedder.down = True
    for number in range(1, FAILURES + 3):
        with pytest.raises(ModelServerUnavailable):
            worker.ask(number)
    assert len(worker.embedder.timeouts) == 1 + FAILURES
    worker.ask(0)


def test_a_picture_that_finds_no_place_is_turned_away(worker: Worker) -> None:
    count = int(worker.capacity.embeddings.limit)
    places = [worker.capacity.embeddings.admitted() for _ in range(count)]
    for place in places:
        place.__enter__()
    with pytest.raises(TooBusy):
        worker.ask()
    places[0].__exit__(None, None, None)
    worker.ask()


@pytest.mark.parametrize("patient", [False, True])
def test_a_picture_waits_for_a_place_that_is_free_soon(worker: Worker, patient: bool) -> None:
    embeddings = worker.capacity.embeddings
    worker.ask()
    embeddings.limit = 1.0
    place = embeddings.admitted()
    place.__enter__()
    gevent.spawn_later(0.05, place.__exit__, None, None, None)
    worker.ask(1, caller=Caller(time.monotonic() + 60, patient=patient))
    assert (embeddings.at_work, embeddings.shed) == (0, 0)
