"""The frozen base behind a cache: each view goes through it once, in batches."""

from pathlib import Path
from typing import Any

import numpy as np

from lookalike.picture.contract import Pixels
from training.feature_cache import FeatureCache, Key
from training.precision import gpu_capabilities

BATCH, GPU_BATCH = 16, 32


def batch_size() -> int:
    """Give how many views go through the base at once, always so many.

    How large a batch is decides how the last digit of its features is rounded: with fewer at
    the end they would depend on what else was missing from the cache.
    """
    return GPU_BATCH if gpu_capabilities() else BATCH


class CachedBase:
    """Embeds views that gather to batches, and keeps their features.

    Args:
        base: Keras model from ``[n, S, S, 3]`` RGB pixels to ``float32[n, d]``.
        folder: of its cache.
        large: see :class:`FeatureCache`.

    Attributes:
        cache: has the features of what was embedded, but for the batch that gathers.
    """

    def __init__(self, base: Any, folder: Path, *, large: bool = False) -> None:
        self._base = base
        self.cache = FeatureCache(folder, base.output_shape[-1], large=large)
        self._batch = batch_size()
        self._waiting: list[tuple[Key, Pixels]] = []

    def embed(self, key: Key, pixels: Pixels) -> None:
        """Take a view ``uint8[S, S, 3]`` into the next batch, and embed that once it is full."""
        self._waiting.append((key, pixels))
        if len(self._waiting) == self._batch:
            self.embed_rest()

    def embed_rest(self) -> None:
        """Embed what has gathered, in a batch that black pictures fill up."""
        if self._waiting:
            pixels = np.zeros((self._batch, *self._waiting[0][1].shape), np.uint8)
            pixels[: len(self._waiting)] = [pixels for _, pixels in self._waiting]
            vectors = np.asarray(self._base.predict_on_batch(pixels), np.float32)
            self.cache.add((key for key, _ in self._waiting), vectors[: len(self._waiting)])
            self._waiting = []
