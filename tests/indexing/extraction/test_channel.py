import threading

import pytest

from indexing.extraction.channel import Channel, Stop, Stopped
from tests.services import until


def in_background(target: object) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_items_come_out_in_order_and_end_with_the_last_producer() -> None:
    channel: Channel[int] = Channel(10, Stop(), producers=2)
    channel.put(1)
    channel.end()
    channel.put(2)
    channel.end()
    assert list(channel) == [1, 2]
    assert channel.get() is None


def test_a_full_channel_holds_its_producer_back() -> None:
    channel: Channel[int] = Channel(2, Stop())
    put = []

    def produce() -> None:
        for number in range(5):
            channel.put(number)
            put.append(number)
        channel.end()

    thread = in_background(produce)
    until(lambda: len(put) == 2)
    assert channel.get() == 0
    until(lambda: len(put) == 3)
    assert list(channel) == [1, 2, 3, 4]
    thread.join()


def test_take_never_waits() -> None:
    channel: Channel[int] = Channel(1, Stop())
    assert channel.take() is None
    channel.put(1)
    assert channel.take() == 1


def test_stopping_wakes_whoever_waits() -> None:
    stop = Stop()
    empty: Channel[int] = Channel(1, stop)
    full: Channel[int] = Channel(1, stop)
    full.put(1)
    stopped = []

    def get() -> None:
        with pytest.raises(Stopped):
            empty.get()
        stopped.append("get")

    def put() -> None:
        with pytest.raises(Stopped):
            full.put(2)
        stopped.append("put")

    def pause() -> None:
        with pytest.raises(Stopped):
            stop.pause(1000)
        stopped.append("pause")

    threads = [in_background(target) for target in (get, put, pause)]
    stop.request()
    for thread in threads:
        thread.join(10)
    assert sorted(stopped) == ["get", "pause", "put"]
