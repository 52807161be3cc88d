"""Selections that are kept: the ones used last, within a bound."""

import threading

from lookalike.index import Selection, bits_of
from lookalike.index.selections import SelectionCache

SIZE = 80_000
EACH = 20_000 + 1000 + 1  # twice its bits, the objects, and a key of one byte


def selection(row: int) -> Selection:
    return Selection(bits_of([row], SIZE), SIZE)


def test_a_selection_is_made_once_while_it_is_kept() -> None:
    cache = SelectionCache(10 * EACH)
    made = [cache.get(b"a", lambda: selection(1)) for _ in range(3)]
    assert made[0] is made[1] is made[2]
    assert cache.bytes == EACH


def test_those_used_last_are_kept() -> None:
    cache = SelectionCache(2 * EACH)
    first = cache.get(b"a", lambda: selection(1))
    second = cache.get(b"b", lambda: selection(2))
    assert cache.get(b"a", lambda: selection(1)) is first
    cache.get(b"c", lambda: selection(3))
    assert cache.get(b"a", lambda: selection(1)) is first
    assert cache.get(b"b", lambda: selection(2)) is not second
    assert cache.bytes == 2 * EACH


def test_one_that_is_too_large_is_not_kept() -> None:
    cache = SelectionCache(EACH - 1)
    assert cache.get(b"a", lambda: selection(1)) is not cache.get(b"a", lambda: selection(1))
    assert cache.bytes == 0


def test_a_newer_one_takes_the_place_of_an_older() -> None:
    cache = SelectionCache(2 * EACH)
    cache.get(b"a", lambda: selection(1))
    newer = selection(2)
    cache.put(b"a", newer)
    assert cache.get(b"a", lambda: selection(3)) is newer
    assert cache.bytes == EACH


def test_many_threads_keep_within_the_bound() -> None:
    cache = SelectionCache(3 * EACH)

    def ask() -> None:
        for number in range(300):
            row = number % 5
            assert cache.get(b"%d" % row, lambda row=row: selection(row)).rows.tolist() == [row]

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.bytes == 3 * EACH
