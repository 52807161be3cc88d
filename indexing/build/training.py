"""Training: what all shards, and later deltas, share. Once, on a seeded sample."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np

from indexing.build.vectors import sampled
from indexing.factory import Recipe
from lookalike.errors import ConfigurationError
from lookalike.index.kinds import layers
from lookalike.progress import working
from lookalike.vectors import Vectors

TRAINED = "trained.faiss"
COMMON_DIMENSIONS = 128
# Training vectors a list; k-means gains little from more, and takes as much longer.
SAMPLE_PER_LIST = 64
# At least so many, for the codebooks.
LEAST_SAMPLE = 65_536


def check_recipe(recipe: Recipe, dimensions: int = COMMON_DIMENSIONS) -> None:
    """Refuse what cannot be built, or not be searched as it says.

    Raises:
        ConfigurationError: faiss makes no index of the factory string that we can search, or
            its type lacks a parameter that is set.
    """
    has = layers(make(recipe.factory, dimensions)).parameters
    foreign = [name for name in recipe.search.given() if name not in has]
    if foreign:
        raise ConfigurationError(
            f"an index of {recipe.factory!r} has no {' and no '.join(map(_flag, foreign))}: "
            f"it is searched with {' and '.join(map(_flag, has)) or 'none of them'}"
        )


def untuned(recipe: Recipe, dimensions: int) -> bool:
    """Tell whether the recipe leaves a parameter open that its type has, for tuning to set."""
    has = layers(make(recipe.factory, dimensions)).parameters
    return any(name not in recipe.search.given() for name in has)


def make(factory: str, dimensions: int) -> Any:
    """Make an empty index.

    Raises:
        ConfigurationError: faiss does not know the string, or not for these dimensions.
    """
    try:
        return faiss.index_factory(dimensions, factory)
    except RuntimeError as error:
        raise ConfigurationError(
            f"faiss makes no index of {factory!r} for vectors of {dimensions} numbers"
        ) from error


def train(factory: str, vectors: Vectors, path: Path, seed: int, threads: int) -> bool:
    """Train an empty index on a sample of ``float32[n, d]`` and write it.

    Returns:
        Whether its type needs training at all; where it does not, nothing is written.

    Raises:
        ConfigurationError: faiss cannot train the type on so few vectors.
    """
    index = make(factory, vectors.shape[1])
    layers(index)
    if index.is_trained:
        return False
    sample = sampled(vectors, _sample_size(index), np.random.default_rng(seed))
    faiss.omp_set_num_threads(threads)
    with working(f"training {factory} on {len(sample)} vectors"):
        try:
            index.train(sample)
        except RuntimeError as error:
            raise ConfigurationError(
                f"{factory!r} cannot be trained on {len(sample)} vectors: {error}"
            ) from error
    faiss.write_index(index, str(path))
    return True


def _flag(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"


def _sample_size(index: Any) -> int:
    kind = layers(index)
    return max(LEAST_SAMPLE, SAMPLE_PER_LIST * kind.core.nlist if kind.inverted else 0)
