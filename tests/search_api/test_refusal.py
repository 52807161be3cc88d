"""How long a refused version is left alone."""

import pytest

from lookalike.errors import DigestMismatch
from search_api.refusal import LONGEST_SECONDS, Refusals
from tests.clock import Clock

PROBLEM = DigestMismatch("a bit is flipped")


def left_alone(refusals: Refusals, clock: Clock, version: str) -> float:
    """Move the clock on, a second at a time, until the version may be looked at."""
    began = clock.now
    while True:
        try:
            refusals.check(version)
        except DigestMismatch as error:
            assert str(error) == str(PROBLEM)  # noqa: PT017  the only way to count them
            clock.now += 1
        else:
            return clock.now - began


def test_it_is_left_alone_twice_as_long_each_time_up_to_a_limit() -> None:
    clock = Clock()
    refusals = Refusals(2.0, clock)
    waits = []
    for _ in range(10):
        refusals.remember("a", PROBLEM)
        waits.append(left_alone(refusals, clock, "a"))
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, LONGEST_SECONDS, LONGEST_SECONDS]


def test_another_version_is_looked_at_at_once_and_the_first_is_forgotten() -> None:
    clock = Clock()
    refusals = Refusals(2.0, clock)
    refusals.remember("a", PROBLEM)
    with pytest.raises(DigestMismatch):
        refusals.check("a")
    refusals.check("b")
    refusals.check("a")
