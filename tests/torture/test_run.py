"""What is made of answers and of workers."""

import pytest

from lookalike.errors import NotAPicture
from torture.case import READ, Outcome, fixed, refused
from torture.run import MOST_BYTES, judge, service_faults
from torture.sending import Answer
from torture.watching import Workers

CASE = fixed("formats/text", "no picture", refused(NotAPicture) | READ, b"text")
BEFORE = Workers({"7": 1.0, "8": 2.0}, {"7": 1e8, "8": 2e8})


@pytest.mark.parametrize(
    ("outcome", "seconds", "wrong"),
    [
        (Outcome(200), 1.0, ""),
        (Outcome(400, "not-a-picture"), 4.9, ""),
        (Outcome(400), 1.0, "400 instead of 200 or 400 not-a-picture or 422 no-features"),
        (Outcome(400, "empty-picture"), 9.0, "400 empty-picture instead of 200 or"),
        (Outcome(503, "too-busy"), 1.0, "503 too-busy instead of"),
        (Outcome(200), 5.1, "200 as it should be, after 5.1 s"),
    ],
)
def test_an_answer_is_judged(outcome: Outcome, seconds: float, wrong: str) -> None:
    found = judge(CASE, Answer(outcome, seconds), 5.0)
    assert found.startswith(wrong)
    assert bool(found) == bool(wrong)


def test_a_5xx_is_wrong_whatever_was_expected() -> None:
    case = fixed("formats/text", "no picture", frozenset({Outcome(500)}), b"")
    assert judge(case, Answer(Outcome(500), 0.1), 5.0) != ""


@pytest.mark.parametrize(
    ("after", "faults"),
    [
        (BEFORE, []),
        (Workers({"8": 2.0, "9": 3.0}, {}), ["worker 7 ended"]),
        (Workers({"7": 1.5, "8": 2.0}, {}), ["worker 7 ended"]),  # a new one of the same number
        (Workers(BEFORE.started, {"7": 2e8 + MOST_BYTES}), []),
        (
            Workers(BEFORE.started, {"7": 2.1e8 + MOST_BYTES}),
            ["a worker's memory grew by 1,010 MB"],
        ),
        (None, ["/metrics does not answer any more"]),
    ],
)
def test_workers_are_compared(after: Workers | None, faults: list[str]) -> None:
    assert service_faults(BEFORE, after) == faults


def test_workers_that_could_not_be_seen_are_not_missed() -> None:
    assert service_faults(None, None) == service_faults(None, BEFORE) == []
