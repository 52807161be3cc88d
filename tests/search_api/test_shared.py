"""What many ask for at once is made once, after they asked, and not too often."""

import threading
import time
from itertools import count, pairwise

import pytest

from search_api.shared import Shared


def test_nobody_gets_what_was_begun_before_it_was_asked_for() -> None:
    numbers = count()
    shared = Shared(lambda: next(numbers), 0.0)
    assert [shared.get() for _ in range(3)] == [0, 1, 2]


def test_not_again_for_a_while() -> None:
    begun: list[float] = []
    shared = Shared(lambda: begun.append(time.monotonic()), 0.05)
    for _ in range(3):
        shared.get()
    assert all(after - before >= 0.05 for before, after in pairwise(begun))


def test_all_who_wait_together_share_one() -> None:
    numbers, go_on = count(), threading.Event()

    def make() -> int:
        go_on.wait()
        return next(numbers)

    shared, got = Shared(make, 0.0), list[int]()
    asking = [threading.Thread(target=lambda: got.append(shared.get())) for _ in range(9)]
    for thread in asking:
        thread.start()
        time.sleep(0.01)  # the first has begun, and the others ask after that
    go_on.set()
    for thread in asking:
        thread.join()
    assert sorted(got) == [0] + 8 * [1]


def test_what_fails_fails_for_one_and_is_made_for_the_next() -> None:
    answers = iter([1, 0, 2])
    shared = Shared(lambda: 1 / next(answers), 0.0)
    assert shared.get() == 1
    with pytest.raises(ZeroDivisionError):
        shared.get()
    assert shared.get() == 0.5
