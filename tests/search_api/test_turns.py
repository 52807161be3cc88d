import time

import gevent
import pytest

from lookalike.errors import TooBusy
from search_api.native import check_queue
from search_api.turns import FRESH_SECONDS, MOST_WAIT_SECONDS, Turns, has_turn


@pytest.fixture(autouse=True)
def loops_time() -> None:
    """The loop's time stands still while no test uses it; a timeout counts from there."""
    gevent.get_hub().loop.update_now()


@pytest.fixture
def order() -> list[str]:
    return []


def busy(turns: Turns, order: list[str], name: str) -> None:
    turns.wait()
    order.append(name)
    end = gevent.get_hub().loop.now() + 4 * FRESH_SECONDS
    while gevent.get_hub().loop.update_now() or gevent.get_hub().loop.now() < end:
        pass


def test_all_get_their_turn_in_the_order_of_asking(order: list[str]) -> None:
    turns = Turns()
    asking = [gevent.spawn(busy, turns, order, str(number)) for number in range(20)]
    gevent.joinall(asking, timeout=20)
    assert order == [str(number) for number in range(20)]


def test_what_comes_meanwhile_is_seen_between_two_turns(order: list[str]) -> None:
    turns = Turns()
    news = gevent.get_hub().loop.async_()
    news.start(lambda: order.append("news"))

    def first() -> None:
        busy(turns, order, "first")
        news.send()

    asking = [gevent.spawn(first), *(gevent.spawn(busy, turns, order, "more") for _ in range(5))]
    gevent.joinall(asking, timeout=20)
    assert order.index("news") <= 3
    assert order.count("more") == 5


def test_one_that_was_ended_while_it_waited_holds_up_nobody(order: list[str]) -> None:
    turns = Turns()
    asking = [gevent.spawn(busy, turns, order, str(number)) for number in range(4)]
    gevent.sleep(0)
    asking[2].kill()
    gevent.joinall(asking, timeout=20)
    assert order == ["0", "1", "3"]


TURN_SECONDS = 0.002


def answered(turns: Turns, seconds: float = TURN_SECONDS) -> bool:
    """Take a turn, if there is one, and hold the loop up for so long."""
    turns.wait()
    if not has_turn():
        return False
    time.sleep(seconds)
    return True


def all_of(count: int, turns: Turns) -> list[bool]:
    asking = [gevent.spawn(answered, turns) for _ in range(count)]
    gevent.joinall(asking, timeout=60)
    return [one.get() for one in asking]


def test_who_would_wait_too_long_for_a_turn_is_told_so_and_takes_none_from_others() -> None:
    turns, fit = Turns(), round(MOST_WAIT_SECONDS / TURN_SECONDS)
    all_of(fit, turns)  # it learns what a turn takes
    told: list[bool] = []
    asking = [gevent.spawn(answered, turns) for _ in range(10 * fit)]
    for one in asking:
        one.link_value(lambda done: told.append(done.get()))
    gevent.joinall(asking, timeout=60)
    assert 0 < sum(told) < 2 * fit  # few where other processes have the cores
    assert not all(told[:4])  # not after all that wait for a turn
    assert sum(told[:20]) >= 9  # one after each turn, and not all of them first
    assert all(all_of(fit // 4, turns))  # and then all is as before


def test_a_request_without_a_turn_is_too_many() -> None:
    gevent.spawn(check_queue).get()  # of its own: this one may be told of by a test before
    turns = Turns()
    all_of(round(MOST_WAIT_SECONDS / TURN_SECONDS), turns)

    def ask() -> str:
        turns.wait()
        try:
            check_queue()
        except TooBusy:
            return "busy"
        time.sleep(TURN_SECONDS)
        return "answered"

    asking = [gevent.spawn(ask) for _ in range(1000)]
    gevent.joinall(asking, timeout=60)
    assert {one.get() for one in asking} == {"answered", "busy"}


def test_a_pause_turns_nobody_away() -> None:
    turns = Turns()
    all_of(20, turns)
    asking = [gevent.spawn(answered, turns, 3 * MOST_WAIT_SECONDS)]
    asking += [gevent.spawn(answered, turns) for _ in range(20)]
    gevent.joinall(asking, timeout=60)
    assert all(one.get() for one in asking)
    assert all(all_of(20, turns))
