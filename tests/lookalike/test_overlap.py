from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from lookalike.overlap import overlapped


def test_overlapped_keeps_the_order_and_takes_no_more_than_it_may() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(4) as pool:
        results = overlapped(pool, lambda number: number * 2, items(), ahead=8)
        first = next(results)
        assert len(taken) == 8
        assert [first, *results] == [number * 2 for number in range(100)]
