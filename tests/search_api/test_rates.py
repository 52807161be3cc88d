"""Token buckets, by a clock that the tests turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import RateLimited
from lookalike.key_file import Rate
from search_api.rates import Rates
from tests.clock import Clock


def spent(rates: Rates, rate: Rate, searches: int = 1, key: bytes = b"key") -> bool:
    try:
        rates.spend(key, rate, searches)
    except RateLimited:
        return False
    return True


def test_a_burst_comes_at_once_and_then_the_rate() -> None:
    clock, rate = Clock(), Rate(2, 5)
    rates = Rates(clock=clock)
    assert [spent(rates, rate) for _ in range(6)] == [True] * 5 + [False]
    clock.now = 0.5
    assert [spent(rates, rate) for _ in range(2)] == [True, False]
    clock.now = 100
    assert [spent(rates, rate) for _ in range(6)] == [True] * 5 + [False]


def test_keys_do_not_share() -> None:
    rates, rate = Rates(clock=Clock()), Rate(1, 1)
    assert spent(rates, rate)
    assert spent(rates, rate, key=b"other")
    assert not spent(rates, rate)


def test_a_batch_over_the_burst_is_begun_and_paid_for_afterwards() -> None:
    clock, rate = Clock(), Rate(1, 4)
    rates = Rates(clock=clock)
    assert spent(rates, rate, 64)
    with pytest.raises(RateLimited) as raised:
        rates.spend(b"key", rate, 1)
    assert raised.value.seconds == 61
    clock.now = 60.9
    assert not spent(rates, rate)
    clock.now = 61
    assert spent(rates, rate)


def test_a_refusal_counts_nothing_and_says_when_it_ends() -> None:
    clock, rate = Clock(), Rate(0.5, 1)
    rates = Rates(clock=clock)
    assert spent(rates, rate)
    for _ in range(100):
        assert not spent(rates, rate)
    with pytest.raises(RateLimited, match=r"0\.5 times a second") as raised:
        rates.spend(b"key", rate, 1)
    clock.now = raised.value.seconds
    assert spent(rates, rate)


@given(
    st.integers(1, 8),
    st.floats(0.1, 100),
    st.lists(st.tuples(st.floats(0, 2), st.integers(1, 64)), max_size=100),
)
def test_workers_together_never_allow_more_than_the_rate(
    workers: int, per_second: float, requests: list[tuple[float, int]]
) -> None:
    clock, rate = Clock(), Rate(per_second, 64 * workers)
    all_workers = [Rates(workers, clock) for _ in range(workers)]
    allowed = 0
    for pause, searches in requests:
        clock.now += pause
        allowed += sum(searches for rates in all_workers if spent(rates, rate, searches))
    assert allowed <= rate.burst + per_second * clock.now + 1e-6
