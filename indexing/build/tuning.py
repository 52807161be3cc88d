"""Tuning: the fastest search that recalls enough, on queries that are held out."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import faiss
import msgspec
import numpy as np

from indexing.build import choice, truth
from indexing.build.settings import BuildSettings
from indexing.build.truth import CHUNK, Truth
from indexing.build.vectors import Positions
from lookalike.index import Measured, SearchParameters, Shard
from lookalike.index.faiss_index import FaissIndex
from lookalike.progress import track
from lookalike.vectors import Vectors

K = 10
TUNING_QUERIES = 700
OTHER_QUERIES = 1000
TIMED_QUERIES = 100
ROUNDS = 3
EXACT_QUERIES = 5
# faiss cuts k · k_factor down to a whole number.
ROUNDED_UP = 1e-4


def tune(
    folder: Path,
    shards: Sequence[Shard],
    vectors: Vectors,
    order: Positions,
    given: SearchParameters,
    settings: BuildSettings,
) -> tuple[SearchParameters, Measured]:
    """Find search parameters for what was built, and measure it with them.

    Args:
        folder: of the shards.
        shards: of the version.
        vectors: what they are of.
        order: position among the vectors of each row, ``int64[n]``.
        given: parameters that are taken as they are; the others that the type has are tuned.
        settings: target and seed.
    """
    index = FaissIndex(folder, shards, given)
    if len(vectors) == 1:
        return given, _alone()  # no neighbours to miss
    tuned, others = _held_out(vectors, order, settings)
    ladders = choice.ladders(
        lists=index.lists, refined=index.refined, graph=index.graph, given=given
    )
    if not ladders:
        return given, _measured(index, given, others, vectors, order, None)

    def recall(parameters: SearchParameters) -> float:
        return truth.recall(tuned, _leaving_out(index, parameters), vectors, order)

    trials = [
        trial
        for ladder in track(ladders, "tuning")
        for trial in choice.climb(ladder, recall, settings.target_recall)
    ]
    candidates = choice.reaching(trials, settings.target_recall)
    chosen = choice.fastest(_timed(index, candidates, tuned.queries))
    reached = chosen.recall >= settings.target_recall + choice.MARGIN
    target = (settings.target_recall, reached)
    return chosen.parameters, _measured(index, chosen.parameters, others, vectors, order, target)


def _held_out(vectors: Vectors, order: Positions, settings: BuildSettings) -> tuple[Truth, Truth]:
    """Queries to tune by, and others to report of; few vectors are divided alike."""
    count = min(len(vectors), TUNING_QUERIES + OTHER_QUERIES)
    own = np.random.default_rng(settings.seed).choice(len(vectors), count, replace=False)
    found = truth.exact(vectors, order, own, K, settings.threads)
    first = max(1, count * TUNING_QUERIES // (TUNING_QUERIES + OTHER_QUERIES))
    return found.part(0, first), found.part(first, count)


def _search(index: FaissIndex, parameters: SearchParameters) -> truth.Search:
    return lambda queries, k: index.search(queries, k, parameters=parameters)


def _leaving_out(index: FaissIndex, parameters: SearchParameters) -> truth.Search:
    """Search for one more than k with one candidate more, since the query's own row is one."""
    factor = parameters.k_factor and (K * parameters.k_factor + 1) / (K + 1) + ROUNDED_UP
    return _search(index, msgspec.structs.replace(parameters, k_factor=factor))


def _timed(
    index: FaissIndex, trials: Sequence[choice.Trial], queries: Vectors
) -> list[choice.Trial]:
    """Time trials interleaved, so that a machine that slows down slows all of them."""
    seconds: list[list[float]] = [[] for _ in trials]
    for _ in range(ROUNDS):
        for own, trial in zip(seconds, trials, strict=True):
            own.append(_milliseconds(_search(index, trial.parameters), queries))
    return [
        choice.Trial(trial.parameters, trial.recall, min(own))
        for own, trial in zip(seconds, trials, strict=True)
    ]


def _milliseconds(search: truth.Search, queries: Vectors) -> float:
    """Median of one query at a time."""
    return 1000 * median(
        _seconds(lambda row=row: search(queries[row : row + 1], K))  # type: ignore[misc]
        for row in range(min(TIMED_QUERIES, len(queries)))
    )


def _measured(
    index: FaissIndex,
    parameters: SearchParameters,
    others: Truth,
    vectors: Vectors,
    order: Positions,
    target: tuple[float, bool] | None,
) -> Measured:
    search = _search(index, parameters)
    return Measured(
        recall_at_10=truth.recall(others, _leaving_out(index, parameters), vectors, order),
        queries=len(others.own),
        truth=len(vectors),
        target=None if target is None else target[0],
        reached=target is None or target[1],
        search_ms=_milliseconds(search, others.queries),
        exact_ms=_exact_milliseconds(vectors, others.queries),
    )


def _exact_milliseconds(vectors: Vectors, queries: Vectors) -> float:
    """Time exact search, by one thread as serving does, on a part that it is proportional to."""
    part = np.ascontiguousarray(vectors[:CHUNK], np.float32)
    faiss.omp_set_num_threads(1)
    seconds = [
        _seconds(lambda row=row: faiss.knn(queries[row : row + 1], part, min(K, len(part))))  # type: ignore[misc]
        for row in range(min(EXACT_QUERIES, len(queries)))
    ]
    return 1000 * median(seconds) * len(vectors) / len(part)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _alone() -> Measured:
    return Measured(
        recall_at_10=1.0,
        queries=0,
        truth=1,
        target=None,
        reached=True,
        search_ms=0.0,
        exact_ms=0.0,
    )
