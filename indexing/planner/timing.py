"""Timing by one thread: searches one query at a time, as a replica answers them.

What is counted is the time of the processor, so that a busy machine measures nearly the same.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import faiss
import numpy as np

from indexing.planner.index_type import K
from indexing.planner.recall import recall_of
from lookalike.cores import cores
from lookalike.vectors import Vectors

TIMED_QUERIES = 200
# Neighbours on the same machine take its cache away: the best round counts.
ROUNDS = 5


def core_seconds(work: Callable[[], object]) -> float:
    """Run ``work``, faiss' part by this thread alone, and give the seconds of a core it took."""
    faiss.omp_set_num_threads(1)
    started = time.thread_time()
    work()
    spent = time.thread_time() - started
    faiss.omp_set_num_threads(cores())
    return spent


def sweep(
    index: Any, vectors: Vectors, queries: Vectors, name: str, settings: Sequence[int]
) -> tuple[list[float], list[float]]:
    """Search with one parameter at several settings.

    Args:
        index: of faiss.
        vectors: what it holds, ``float32[n, d]``.
        queries: ``float32[q, d]``, none of them among the vectors.
        name: of the parameter, as faiss' ParameterSpace spells it.
        settings: its values.

    Returns:
        Median seconds of a query, and recall@10, at each setting.
    """
    times, recalls = [], []
    for value in settings:
        set_parameters(index, **{name: value})
        times.append(_one_by_one(index, queries[:TIMED_QUERIES]))
        recalls.append(recall_of(index, vectors, queries, K))
    return times, recalls


def set_parameters(index: Any, **parameters: int) -> None:
    """Set faiss' own search parameters of an index."""
    for name, value in parameters.items():
        faiss.ParameterSpace().set_index_parameter(index, name, value)


def slope(places: Sequence[float], values: Sequence[float]) -> float:
    """Give the least-squares slope; never below zero, as a busy machine may make it."""
    if len(places) < 2:
        return 0.0
    steepness, _ = np.polyfit(list(places), list(values), 1).tolist()
    return max(0.0, float(steepness))


def _one_by_one(index: Any, queries: Vectors) -> float:
    singles = np.split(queries, len(queries))
    return min(
        median(core_seconds(partial(index.search, single, K)) for single in singles)
        for _ in range(ROUNDS)
    )
