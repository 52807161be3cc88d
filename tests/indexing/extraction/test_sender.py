import itertools
import threading
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from indexing.extraction.channel import Stop, Stopped
from indexing.extraction.limits import Limits
from indexing.extraction.sender import Sender, stacked
from lookalike.errors import (
    BatchTooLarge,
    ModelServerBusy,
    ModelServerRejected,
    ModelServerUnavailable,
    ModelVersionUnavailable,
)
from lookalike.picture.contract import Pixels
from tests.indexing.embedders import DIMENSIONS, Judging, Means, Scripted

AWAY = ModelServerUnavailable("it restarts")
SWAPPED = ModelVersionUnavailable("it loads another version")
BUSY = ModelServerBusy("its queue is full")


def pictures(count: int) -> Pixels:
    """Pictures of one colour each, their number."""
    return np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((8, 8, 3), np.uint8)


class NoPause(Stop):
    """Takes no time over pauses, and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self.now = 0.0
        self.meanwhile: Callable[[], object] | None = None

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if self.meanwhile is not None:
            self.meanwhile()
        super().pause(0)


def sender(
    embedder: Means, batch: int = 32, depth: int = 4, patience: float = 60.0
) -> tuple[Sender, Limits, NoPause]:
    stop, limits = NoPause(), Limits(batch, depth)
    return Sender(embedder, limits, patience, stop, lambda: stop.now), limits, stop


@pytest.mark.parametrize("error", [AWAY, SWAPPED, BUSY])
def test_a_server_is_waited_for_longer_each_time(error: Exception) -> None:
    embedder = Scripted([error] * 9)
    sending, _, stop = sender(embedder)
    answer = sending.embed(pictures(5))
    assert np.array_equal(stacked(answer, DIMENSIONS), Means().embed(pictures(5)))
    assert stop.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_patience_ends_with_what_to_do() -> None:
    sending, _, _ = sender(Scripted(itertools.repeat(AWAY)), patience=20.0)
    with pytest.raises(ModelServerUnavailable, match=r"it restarts; .* run the same command again"):
        sending.embed(pictures(5))


def test_a_server_that_answers_others_is_not_given_up() -> None:
    sending, _, stop = sender(Scripted([BUSY, None] * 50), patience=60.0)
    stop.meanwhile = lambda: sending.embed(pictures(1))
    assert len(sending.embed(pictures(5)).vectors) == 1
    assert stop.now > 200


def test_a_full_queue_slows_down() -> None:
    sending, limits, _ = sender(Scripted([BUSY, BUSY]), batch=8, depth=4)
    sending.embed(pictures(8))
    assert limits.depth == 1


def too_large_above(most: int, *, told: bool) -> Judging:
    def judge(pixels: Pixels) -> Exception | None:
        error = BatchTooLarge("too many", most if told else None)
        return error if len(pixels) > most else None

    return Judging(judge)


@pytest.mark.parametrize("told", [True, False])
def test_a_batch_that_is_too_large_is_split_and_the_size_remembered(told: bool) -> None:
    embedder = too_large_above(10, told=told)
    sending, _, _ = sender(embedder)
    answer = sending.embed(pictures(32))
    assert np.array_equal(stacked(answer, DIMENSIONS), Means().embed(pictures(32)))
    assert max(embedder.batches) == (10 if told else 8)
    count = len(embedder.batches)
    sending.embed(pictures(32))
    assert len(embedder.batches) == 2 * count


def test_a_picture_that_is_too_large_alone_is_an_error() -> None:
    sending, _, _ = sender(too_large_above(0, told=False))
    with pytest.raises(BatchTooLarge):
        sending.embed(pictures(4))


def refusing(numbers: Iterable[int]) -> Judging:
    bad = set(numbers)

    def judge(pixels: Pixels) -> Exception | None:
        return ModelServerRejected("bad row") if bad & set(pixels[:, 0, 0, 0].tolist()) else None

    return Judging(judge)


@pytest.mark.parametrize("bad", [[0], [31], [3, 4, 17], range(16)])
def test_bad_rows_are_found_and_the_others_embedded(bad: Iterable[int]) -> None:
    sending, _, _ = sender(refusing(bad))
    answer = sending.embed(pictures(32))
    assert sorted(answer.refused) == list(bad)
    good = np.setdiff1d(np.arange(32), list(bad))
    assert np.array_equal(stacked(answer, DIMENSIONS), Means().embed(pictures(32)[good]))


def test_a_server_that_refuses_everything_ends_the_job() -> None:
    sending, _, _ = sender(refusing(range(256)))
    with pytest.raises(ModelServerRejected, match="bad row"):
        sending.embed(pictures(8))


def test_a_batch_of_bad_rows_after_good_ones_ends_nothing() -> None:
    sending, _, _ = sender(refusing(range(4)))
    sending.embed(pictures(8)[4:])
    assert len(sending.embed(pictures(4)).refused) == 4


def test_no_more_requests_are_under_way_than_may_be() -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    class Counting(Means):
        def embed(self, pixels: Pixels) -> np.ndarray:
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
            try:
                return super().embed(pixels)
            finally:
                with lock:
                    under_way -= 1

    sending, _, _ = sender(Counting(), batch=1, depth=2)
    threads = [threading.Thread(target=sending.embed, args=(pictures(50),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 2


def test_the_time_with_a_request_under_way_is_counted_also_while_it_is() -> None:
    seen = []

    class Slow(Means):
        def embed(self, pixels: Pixels) -> np.ndarray:
            stop.now += 3
            seen.append(sending.busy_seconds)
            return super().embed(pixels)

    sending, _, stop = sender(Slow())
    sending.embed(pictures(1))
    stop.now += 10
    sending.embed(pictures(1))
    assert (seen, sending.busy_seconds) == ([3, 6], 6)


def test_stopping_ends_the_waiting() -> None:
    stop = Stop()
    sending = Sender(Scripted(itertools.repeat(AWAY)), Limits(8, 1), 1000.0, stop)
    stop.request()
    with pytest.raises(Stopped):
        sending.embed(pictures(1))
