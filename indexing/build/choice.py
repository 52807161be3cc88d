"""Choosing search parameters among measurements: pure logic, no clock and no index."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from lookalike.index import SearchParameters

# A setting found on some queries does a little worse on others: .002 fell short, .005 held.
MARGIN = 0.005
K_FACTORS = (3, 4, 6, 8)
EF_SEARCH = (10, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 256)
FINEST_NPROBE = (1, 2, 3, 4, 5, 6, 8, 10, 12, 14)
# A ladder is given up where so many more steps gained next to nothing.
PATIENCE, GAIN = 3, 0.0005


class Trial(msgspec.Struct, frozen=True):
    """A setting that was tried: its recall, and its milliseconds a query once timed."""

    parameters: SearchParameters
    recall: float
    milliseconds: float = 0.0


# Settings that search ever harder.
Ladder = Sequence[SearchParameters]


def ladders(*, lists: int, refined: bool, graph: bool, given: SearchParameters) -> list[Ladder]:
    """Give the settings to try for an index type; none where there is nothing left to set.

    Args:
        lists: how many inverted lists it has; 0: none.
        refined: whether candidates are compared again by better codes.
        graph: whether it is HNSW.
        given: what every setting is to have; the others are tried.
    """
    probes = list(_probes(lists)) if lists and given.nprobe is None else [given.nprobe]
    factors = K_FACTORS if refined and given.k_factor is None else (given.k_factor,)
    efforts = EF_SEARCH if graph and given.ef_search is None else (given.ef_search,)
    tried: list[Ladder] = [
        [
            SearchParameters(nprobe=nprobe, k_factor=factor, ef_search=ef_search)
            for nprobe in probes
            for ef_search in efforts
        ]
        for factor in factors
    ]
    return [] if tried == [[given]] else tried


def climb(
    ladder: Ladder, recall: Callable[[SearchParameters], float], target: float
) -> list[Trial]:
    """Try harder and harder settings until one reaches the target, or more gains nothing."""
    trials: list[Trial] = []
    for parameters in ladder:
        trials.append(Trial(parameters, recall(parameters)))
        if trials[-1].recall >= target + MARGIN or _stuck(trials):
            break
    return trials


def reaching(trials: Sequence[Trial], target: float) -> list[Trial]:
    """Give the trials that reach the target; the best ones where none does."""
    enough = [trial for trial in trials if trial.recall >= target + MARGIN]
    best = max(trial.recall for trial in trials)
    return enough or [trial for trial in trials if trial.recall == best]


def fastest(trials: Sequence[Trial]) -> Trial:
    """Give the fastest of timed trials; of equally fast ones the one that recalls most."""
    return min(trials, key=lambda trial: (trial.milliseconds, -trial.recall))


def _probes(lists: int) -> Iterator[int]:
    """Steps of a quarter, roughly, and last all the lists."""
    yield from (nprobe for nprobe in FINEST_NPROBE if nprobe < lists)
    nprobe = 16
    while nprobe < lists:
        yield nprobe
        nprobe += max(4, nprobe // 4)
    yield lists


def _stuck(trials: Sequence[Trial]) -> bool:
    if len(trials) <= PATIENCE:
        return False
    return trials[-1].recall - trials[-1 - PATIENCE].recall < GAIN
