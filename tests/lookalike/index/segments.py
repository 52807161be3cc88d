"""Segments for tests, built by the real builder."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indexing.build.segment import Segment, build_segment
from indexing.build.training import TRAINED, train
from lookalike.index import SearchParameters, Shard
from lookalike.vectors import Vectors, unit

# Every kind of index, with parameters that reach most of a few thousand vectors.
TYPES = {
    "Flat": SearchParameters(),
    "SQ8": SearchParameters(),
    "HNSW32": SearchParameters(ef_search=40),
    "IVF100,Flat": SearchParameters(nprobe=8),
    "IVF64,SQ8": SearchParameters(nprobe=16),
    "IVF64,PQ32x4": SearchParameters(nprobe=16),
    "IVF64_HNSW32,SQ8": SearchParameters(nprobe=16),
    "IVF64,PQ64x4fs,Refine(SQfp16)": SearchParameters(nprobe=20, k_factor=6),
    "IVF64,PQ32x4fsr,RFlat": SearchParameters(nprobe=20, k_factor=6),
    "PCA64,IVF64,PQ32x4fs,Refine(SQ8)": SearchParameters(nprobe=20, k_factor=6),
    "PCA64,IVF64,Flat": SearchParameters(nprobe=20),
}


def clustered(count: int, dimensions: int = 128, clusters: int = 60, seed: int = 5) -> Vectors:
    """Unit vectors about some centres, many numbers zero as after a ReLU."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(clusters, dimensions))
    noise = draw.normal(scale=0.6, size=(count, dimensions))
    return unit(np.maximum(centres[np.arange(count) % clusters] + noise, 0).astype(np.float32))


def write_segments(
    vectors: Vectors, factory: str, folder: Path, counts: Sequence[int]
) -> list[Shard]:
    """Build segments of so many vectors each, in turn, from one training."""
    trained = folder.parent / f"{factory}.{TRAINED}"
    if not trained.exists():
        train(factory, vectors, trained, seed=0, threads=1)
    known = trained if trained.exists() else None
    bounds = np.cumsum([0, *counts])
    return [
        build_segment(
            Segment(
                name=f"s{number}", factory=factory, trained=known, first_row=int(first), threads=1
            ),
            vectors,
            np.arange(first, last),
            folder,
            lambda _: None,
        )
        for number, (first, last) in enumerate(itertools.pairwise(bounds))
    ]
