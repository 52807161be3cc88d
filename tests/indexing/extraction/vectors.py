"""Vectors of these tests, by digests that follow from their numbers."""

import hashlib

import numpy as np

from indexing.extraction.features import Features
from lookalike.vectors import Vectors

DIMENSIONS = 6


def digests(count: int, first: int = 0) -> list[bytes]:
    return [hashlib.sha256(str(first + number).encode()).digest() for number in range(count)]


def some_vectors(count: int, dimensions: int = DIMENSIONS, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def rows(values: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, 32)


def gathered(features: Features, count: int) -> Vectors:
    """Gather the vectors of the first ``count`` digests."""
    out = np.full((count, DIMENSIONS), np.nan, np.float32)
    features.gather(rows(digests(count)), out)
    return out
