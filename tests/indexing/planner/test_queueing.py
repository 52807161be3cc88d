import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexing.planner.queueing import MOST_LOAD, greatest_load, wait_seconds

SERVICE = st.floats(1e-5, 1.0)
CORES = st.integers(1, 64)
LOAD = st.floats(0, 0.99)


@given(SERVICE, LOAD, LOAD, CORES)
def test_more_load_never_waits_less(service: float, one: float, other: float, cores: int) -> None:
    low, high = sorted((one, other))
    assert wait_seconds(service, low, cores) <= wait_seconds(service, high, cores)


def test_one_core_waits_as_the_textbook_says() -> None:
    # M/M/1: the mean wait is s·u / (1 - u).
    assert wait_seconds(0.01, 0.5, 1) == pytest.approx(0.01 * 3.0, rel=0.01)


@given(SERVICE, CORES, st.floats(0, 1))
def test_the_greatest_load_keeps_the_wait(service: float, cores: int, most: float) -> None:
    load = greatest_load(service, cores, most)
    assert 0 <= load <= MOST_LOAD
    assert wait_seconds(service, load, cores) <= most + 1e-12


def test_no_load_is_low_enough_where_there_is_no_time_left() -> None:
    assert greatest_load(0.01, 4, -0.001) == pytest.approx(0.0, abs=1e-9)
