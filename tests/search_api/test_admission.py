"""Admission, against a simulated model server; the queue; the circuit breaker."""

import heapq
from itertools import chain
from typing import Any

import gevent
import numpy as np
import pytest
from gevent import Greenlet
from gevent.event import Event

from lookalike.errors import ModelServerBusy, ModelServerUnavailable, TooBusy
from search_api.admission import ALONE_SECONDS, Admission, Queue
from search_api.breaker import FAILURES, FIRST_SECONDS, Breaker
from search_api.capacity import FIRST_EMBEDDINGS, LEAST_EMBEDDINGS
from tests.clock import Clock


def simulate(
    servers: int, seconds: float, load: float, least: int = 2, first: int = 2
) -> tuple[float, float]:
    """Offer ``load`` times what so many servers can do; give their use, and the 99th percentile.

    Requests come at random, each takes 0.9 to 1.2 times ``seconds`` of one server. The
    percentile is of the last two thirds, in multiples of ``seconds``.
    """
    draw, clock = np.random.default_rng(1), Clock()
    admission = Admission(least, 256, clock, first=first)
    free, at_work, took = [0.0] * servers, list[tuple[float, int, float]](), list[float]()
    places: dict[int, Any] = {}
    comes, end = 0.0, 4000 * seconds
    while comes < end or at_work:
        if at_work and (at_work[0][0] <= comes or comes >= end):
            clock.now, number, came = heapq.heappop(at_work)
            admission.took(clock.now - came)
            places.pop(number).__exit__(None, None, None)
            if clock.now > end / 3:
                took.append((clock.now - came) / seconds)
            continue
        clock.now, place = comes, admission.admitted()
        try:
            place.__enter__()
        except TooBusy:
            pass
        else:
            done = max(heapq.heappop(free), comes) + seconds * draw.uniform(0.9, 1.2)
            heapq.heappush(free, done)
            places[id(place)] = place
            heapq.heappush(at_work, (done, id(place), comes))
        comes += draw.exponential(seconds / (load * servers))
    took.sort()
    return len(took) / (end * 2 / 3) * seconds / servers, took[int(0.99 * len(took))]


@pytest.mark.parametrize(
    ("servers", "seconds"), [(2, 0.1), (8, 0.3), pytest.param(16, 1.0, marks=pytest.mark.long)]
)
@pytest.mark.parametrize("load", [1.2, 3.0, 10.0])
def test_past_the_limit_those_served_wait_little_and_nothing_idles(
    servers: int, seconds: float, load: float
) -> None:
    use, slowest = simulate(servers, seconds, load)
    assert use > 0.75, (use, slowest)
    assert slowest < 2 * 1.2  # twice what the slowest alone would take


@pytest.mark.parametrize(
    ("servers", "seconds"), [(1, 0.3), (2, 0.1), pytest.param(16, 0.02, marks=pytest.mark.long)]
)
@pytest.mark.parametrize("load", [1.2, 10.0])
def test_as_the_service_begins_it_finds_what_a_model_server_does(
    servers: int, seconds: float, load: float
) -> None:
    use, slowest = simulate(servers, seconds, load, LEAST_EMBEDDINGS, FIRST_EMBEDDINGS)
    assert use > (0.75 if servers > 1 else 0.5), (use, slowest)
    assert slowest < 2 * 1.2 + 0.02 / seconds  # and what nobody notices


@pytest.mark.parametrize(("servers", "seconds"), [(2, 0.1), (8, 0.3)])
def test_what_can_be_done_is_not_turned_away(servers: int, seconds: float) -> None:
    use, _ = simulate(servers, seconds, 0.3)
    assert use > 0.29


def test_work_that_is_short_is_not_turned_away_for_waiting_a_little() -> None:
    use, _ = simulate(2, 0.002, 0.9)
    assert use > 0.85


def test_the_least_is_always_admitted_and_one_more_is_not() -> None:
    admission = Admission(2, 2)
    with admission.admitted(), admission.admitted():
        with pytest.raises(TooBusy):
            admission.admitted().__enter__()
        assert (admission.at_work, admission.shed) == (2, 1)
    assert admission.at_work == 0


def test_work_that_fails_gives_its_place_back() -> None:
    admission = Admission(1, 1)
    with pytest.raises(ZeroDivisionError), admission.admitted():
        raise ZeroDivisionError
    with admission.admitted():
        pass


class Crowd:
    """Greenlets that want a place each, at a model server that does one picture at a time."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.admission = Admission(1, 256, self.clock)
        for _ in range(20):
            self.admission.took(0.3)
            self.admission.limit = 1.0
        self.leave: dict[str, Event] = {}
        self.order: list[str] = []

    def come(self, name: str, seconds: float = 60, *, patient: bool = False) -> Greenlet:
        self.leave[name] = Event()

        def work() -> None:
            with self.admission.admitted(seconds, patient=patient):
                self.order.append(name)
                self.leave[name].wait()

        come = gevent.spawn(work)
        gevent.idle()
        return come

    def go(self, name: str) -> None:
        self.leave[name].set()
        gevent.idle()

    def is_refused(self, name: str) -> bool:
        come = self.come(name)
        if isinstance(come.exception, TooBusy):
            return True
        come.kill()
        return False


def test_one_more_waits_while_what_is_at_work_is_done() -> None:
    crowd = Crowd()
    crowd.come("first")
    crowd.come("second")
    assert (crowd.order, crowd.admission.at_work) == (["first"], 1)
    crowd.go("first")
    assert (crowd.order, crowd.admission.at_work) == (["first", "second"], 1)
    crowd.go("second")
    assert (crowd.admission.at_work, crowd.admission.shed) == (0, 0)


def test_in_a_flood_nobody_waits() -> None:
    """Places would always be waited for then, and all be answered late."""
    crowd = Crowd()
    crowd.come("first")
    second = crowd.come("second")
    assert crowd.is_refused("third")
    second.kill()
    crowd.clock.now += 0.9
    assert crowd.is_refused("fourth")
    crowd.clock.now += 0.9
    assert crowd.is_refused("fifth")
    crowd.clock.now += 1.1
    assert not crowd.is_refused("sixth")


def test_nobody_waits_where_work_takes_twice_as_long_already() -> None:
    crowd = Crowd()
    for _ in range(50):
        crowd.admission.took(0.7)
    crowd.come("first")
    assert crowd.is_refused("second")


def test_what_was_let_in_together_waits_in_its_order_behind_any_number() -> None:
    crowd = Crowd()
    names = ["first", "second", "third", "fourth"]
    for name in names:
        crowd.come(name, patient=True)
    for name in names:
        crowd.go(name)
    assert (crowd.order, crowd.admission.at_work, crowd.admission.shed) == (names, 0, 0)


def test_beside_a_batch_single_pictures_are_begun_in_turn_with_its_own() -> None:
    crowd = Crowd()
    batch = [f"batch {number}" for number in range(64)]
    for name in batch[:8]:  # as many as a batch has at work, or waiting
        crowd.come(name, patient=True)
    singles = [f"single {number}" for number in range(32)]
    for number, single in enumerate(singles):
        crowd.come(single)
        crowd.go(batch[number])
        crowd.come(batch[number + 8], patient=True)
        crowd.go(single)
    assert crowd.order == [*chain.from_iterable(zip(batch, singles, strict=False)), batch[32]]
    assert crowd.admission.shed == 0


def test_beside_a_batch_one_may_always_wait_whatever_the_flood() -> None:
    crowd = Crowd()
    for name in ("batch 1", "batch 2", "batch 3"):
        crowd.come(name, patient=True)
    crowd.come("single 1")
    assert crowd.is_refused("one too many")
    crowd.go("batch 1")
    assert not crowd.is_refused("single 2")
    crowd.come("single 3")
    assert crowd.is_refused("one too many")
    crowd.go("single 1")
    crowd.go("batch 2")
    assert crowd.order == ["batch 1", "single 1", "batch 2", "single 3"]


def test_who_waited_for_too_long_or_was_killed_leaves_no_place_taken() -> None:
    crowd = Crowd()
    crowd.come("first")
    late = crowd.come("late", seconds=0.001)
    late.join()
    assert isinstance(late.exception, TooBusy)
    killed = crowd.come("killed", patient=True)
    killed.kill()
    crowd.go("first")
    assert crowd.admission.at_work == 0


def test_a_place_that_was_given_to_one_who_is_killed_is_free() -> None:
    crowd = Crowd()
    with crowd.admission.admitted():
        given = crowd.come("given", patient=True)
        given.kill(block=False)
    assert crowd.admission.at_work == 1
    gevent.idle()
    assert (crowd.admission.at_work, crowd.order) == (0, [])


def test_while_what_work_takes_alone_is_measured_the_others_wait() -> None:
    """Of a model server that does eight at once: it is none of the callers' doing."""
    crowd = Crowd()
    crowd.admission.limit = 8.0
    crowd.clock.now += ALONE_SECONDS + 1
    crowd.admission.took(0.3)
    for name in "abcdefgh":
        crowd.come(name)
    assert crowd.order == ["a"]
    for name in "abcd":
        crowd.admission.took(0.3)
        crowd.go(name)
    assert crowd.order == list("abcdefgh")
    assert crowd.admission.shed == 0


def test_a_queue_turns_away_who_would_wait_too_long() -> None:
    clock = Clock()
    queue = Queue(2, 0.05, clock)
    for _ in range(100):
        with queue.waited() as begins:
            begins()
            clock.now += 0.02
    queue.check()
    waiting = [queue.waited() for _ in range(12)]
    for place in waiting[:6]:
        place.__enter__()
    queue.check()  # 5 / 2 * 0.02 s
    for place in waiting[6:]:
        place.__enter__()
    with pytest.raises(TooBusy):
        queue.check()
    assert queue.shed == 1
    for place in waiting:
        place.__exit__(None, None, None)
    queue.check()


def fail(breaker: Breaker, error: Exception) -> None:
    with pytest.raises(type(error)), breaker.guarded():
        raise error


def test_a_breaker_opens_after_failures_in_a_row_and_closes_at_a_success() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert not breaker.is_open
        fail(breaker, ModelServerUnavailable("down"))
    assert breaker.is_open
    with pytest.raises(ModelServerUnavailable, match=r"down.*in a moment"), breaker.guarded():
        raise AssertionError("it was let through")
    clock.now += FIRST_SECONDS * 1.1
    fail(breaker, ModelServerUnavailable("still down"))  # one is let through
    clock.now += FIRST_SECONDS * 1.1
    with pytest.raises(ModelServerUnavailable), breaker.guarded():  # it waits longer now
        raise AssertionError("it was let through")
    clock.now += FIRST_SECONDS
    with breaker.guarded():
        pass
    assert not breaker.is_open
    assert breaker.opened == 1


def test_who_had_too_little_time_opens_no_breaker_while_others_are_answered() -> None:
    """A batch's last pictures run out of time, behind its first, on a model server that is well."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(3 * FAILURES):
        late = breaker.guarded()
        late.__enter__()
        with breaker.guarded():
            clock.now += 0.2
        clock.now += 0.2
        error = ModelServerUnavailable("not in the time that there was")
        assert not late.__exit__(type(error), error, None)
    assert not breaker.is_open
    for _ in range(FAILURES):
        clock.now += 0.2
        fail(breaker, ModelServerUnavailable("down"))
    assert breaker.is_open


def test_while_one_sees_whether_it_is_back_the_others_are_refused() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        fail(breaker, ModelServerUnavailable("down"))
    clock.now += FIRST_SECONDS * 1.1
    with breaker.guarded(), pytest.raises(ModelServerUnavailable), breaker.guarded():
        pass


def test_a_busy_model_server_is_not_taken_to_be_down() -> None:
    breaker = Breaker(Clock())
    for _ in range(3 * FAILURES):
        fail(breaker, ModelServerBusy("full"))
    assert not breaker.is_open
