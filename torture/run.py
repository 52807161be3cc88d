"""Sends the cases, a few at once, and judges the answers."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from torture import files
from torture.case import BYTES, Case
from torture.sending import Answer, ask, send
from torture.target import Target
from torture.watching import Workers, is_alive, workers_of

MOST_BYTES = 1_000_000_000
FAILURES = 500


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case and what came of it; ``wrong`` says what should not have, or is empty."""

    case: Case
    answer: Answer
    wrong: str


@dataclass(frozen=True, slots=True)
class Report:
    """All verdicts, and what is wrong with the service itself.

    Attributes:
        verdicts: in the order of the cases.
        wrong: sentences.
        workers: as they are at the end; None where they cannot be seen.
    """

    verdicts: list[Verdict]
    wrong: list[str]
    workers: Workers | None

    @property
    def passed(self) -> bool:
        """Nothing is wrong."""
        return not self.wrong and not any(verdict.wrong for verdict in self.verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How to send.

    Attributes:
        seconds: to wait for an answer.
        most_seconds: that an answer may take.
        at_once: requests at a time.
    """

    seconds: float
    most_seconds: float
    at_once: int


def torment(
    target: Target, cases: Sequence[Case], limits: Limits, done: Callable[[int], None]
) -> Report:
    """Send all cases to a service; ``done`` is told whenever one more is answered."""
    seconds = limits.seconds
    target.hit = _hit(target, seconds) or target.hit
    before = workers_of(target, seconds)
    with ThreadPoolExecutor(limits.at_once) as pool:
        futures = [pool.submit(ask, target, case, seconds) for case in cases]
        for future in as_completed(futures):
            future.result()
            done(1)
    answers = [future.result() for future in futures]
    verdicts = [
        Verdict(case, answer, judge(case, answer, limits.most_seconds))
        for case, answer in zip(cases, answers, strict=True)
    ]
    after = workers_of(target, seconds)
    faults = service_faults(before, after)
    if not is_alive(target, seconds):
        faults.append("/healthz does not answer any more")
    return Report(verdicts, faults, after)


def _hit(target: Target, seconds: float) -> str | None:
    """Search by a picture; give the id of what is found, None where nothing is."""
    body = files.encode(files.quadrants(), "JPEG")
    answer = send(target, target.request("POST", "/search?k=1", BYTES, body), seconds)
    try:
        [found] = json.loads(answer.body)["results"]
        return str(found["id"])
    except (ValueError, KeyError, TypeError):
        return None


def judge(case: Case, answer: Answer, most_seconds: float) -> str:
    """Say what is wrong with an answer, or nothing."""
    if answer.outcome not in case.expected or answer.outcome.status >= FAILURES:
        right = " or ".join(sorted(map(str, case.expected)))
        return f"{answer.outcome} instead of {right}"
    if answer.seconds > most_seconds:
        return f"{answer.outcome} as it should be, after {answer.seconds:.1f} s"
    return ""


def service_faults(before: Workers | None, after: Workers | None) -> list[str]:
    """Say which workers ended and whether any grew too large, as far as they can be seen."""
    if before is None:
        return []
    if after is None:
        return ["/metrics does not answer any more"]
    lost = [pid for pid, start in before.started.items() if after.started.get(pid) != start]
    faults = [f"worker {pid} ended" for pid in lost]
    # What a mapped index takes was there before.
    grown = after.most_bytes - before.most_bytes
    if grown > MOST_BYTES:
        faults.append(f"a worker's memory grew by {grown / 1e6:,.0f} MB")
    return faults
