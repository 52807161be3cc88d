"""How misses fall with effort: a power law, fitted to what was measured."""

import math
from collections.abc import Sequence
from typing import Any

import faiss
import msgspec
import numpy as np

from lookalike.vectors import Vectors

# Shares of misses that the law is fitted to: above it searches hardly, below it chance.
MOST, FEWEST = 0.5, 0.0015
RELATIVE, ABSOLUTE = 1e-5, 1e-7


class MissesLaw(msgspec.Struct, frozen=True):
    """Share of misses: ``at_one * effort ** -power``."""

    at_one: float
    power: float


def misses_law(efforts: Sequence[float], recalls: Sequence[float]) -> MissesLaw | None:
    """Fit the law; None where fewer than two recalls tell anything, or more effort gained none."""
    points: list[tuple[float, float]] = [
        (math.log(effort), math.log(1 - recall))
        for effort, recall in zip(efforts, recalls, strict=True)
        if FEWEST <= 1 - recall <= MOST
    ]
    if len(points) < 2:
        return None
    efforts, misses = zip(*points, strict=True)
    slope, intercept = np.polyfit(efforts, misses, 1).tolist()
    return MissesLaw(math.exp(intercept), -slope) if slope < 0 else None


def recall_of(index: Any, vectors: Vectors, queries: Vectors, k: int) -> float:
    """Measure recall@k of queries that the index doesn't hold; equal distances count alike."""
    exact, _ = faiss.knn(queries, vectors, k)
    _, found = index.search(queries, k)
    gaps = ((vectors[found] - queries[:, np.newaxis]) ** 2).sum(axis=2)
    gaps[found < 0] = np.inf
    return float((gaps <= exact[:, -1:] * (1 + RELATIVE) + ABSOLUTE).mean())
