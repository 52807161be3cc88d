"""Requests that arrive when they arrive."""

import time
from collections.abc import Iterator

import pytest

from bench import open_loop
from bench.load import get
from bench.open_loop import arrive
from tests.answering import answering


def slowly(path: str) -> tuple[int, bytes]:
    """Turn away what is asked for so, and take some time over everything."""
    time.sleep(0.02)
    return 429 if path == "/busy" else 200, b"{}"


@pytest.fixture
def port() -> Iterator[int]:
    with answering(slowly) as port:
        yield port


def test_every_request_is_answered_or_turned_away(port: int) -> None:
    came = arrive(port, [get("/"), get("/"), get("/busy")], rate=150, seconds=0.4)
    assert (len(came.served), came.shed) == (40, 20)
    assert min(came.served) >= 0.02
    assert came.rate == pytest.approx(40 / came.seconds)


def test_who_waits_for_a_connection_waits_from_when_it_was_due(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_loop, "FIRST_CONNECTIONS", 1)
    monkeypatch.setattr(open_loop, "MOST_CONNECTIONS", 1)
    came = arrive(port, [get("/")], rate=1000, seconds=0.02)
    # Twenty that were due at once, answered one after the other.
    assert len(came.served) == 20
    assert max(came.served) >= 15 * 0.02


def test_the_same_times_are_drawn_again() -> None:
    assert open_loop._dues(100, 2, 7) == open_loop._dues(100, 2, 7)
    assert open_loop._dues(100, 2, 7) != open_loop._dues(100, 2, 8)
    assert len(open_loop._dues(100, 2, 7)) == 200
