"""Runs candidates interleaved, round after round, and times each.

Only the clock and the order: what the times mean is ``comparison``'s business. In each
round every candidate runs once, in an order drawn anew, so that a machine that slows down
slows all of them and the ratios hold.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lookalike.progress import track

ORDER_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to do the work.

    Args:
        name: parts joined by dots, such as ``vgg16.rest.batch16``; goals use it.
        items: how many items a call of ``run`` processes.
        run: does the work once.
        baseline: name of the candidate that this one is compared with; None: with none.
        prepare: what comes before each run and is not timed, such as starting processes.
    """

    name: str
    items: int
    run: Callable[[], object]
    baseline: str | None = None
    prepare: Callable[[], object] = lambda: None


def measure(
    candidates: Sequence[Candidate],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Time every candidate once a round, after a warm-up that is not timed.

    Args:
        candidates: names differ.
        rounds: how often each runs.
        clock: gives seconds.

    Returns:
        Seconds an item by candidate, one number a round; the n-th numbers belong together.
    """
    order = np.random.default_rng(ORDER_SEED)
    seconds: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    for candidate in track(candidates, "warming up"):
        candidate.prepare()
        candidate.run()
    for _ in track(range(rounds), "rounds"):
        for position in order.permutation(len(candidates)):
            candidate = candidates[position]
            seconds[candidate.name].append(_time(candidate, clock))
    return seconds


def _time(candidate: Candidate, clock: Callable[[], float]) -> float:
    candidate.prepare()
    started = clock()
    candidate.run()
    return (clock() - started) / candidate.items
