import gevent
import pytest

from search_api.turns import FRESH_SECONDS, Turns


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
