"""The frozen base behind a cache: each view goes through it once, in batches."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.feature_cache import FeatureCache, Key

BATCH = 32

Pixels = NDArray[np.uint8]


class CachedBase:
    """Embeds views that gather to batches, and keeps their features.

    Args:
        base: Keras model from ``[n, S, S, 3]`` RGB pixels to ``float32[n, d]``.
        folder: of its cache.

    Attributes:
        cache: has the features of what was embedded, but for the batch that gathers.
    """

    def __init__(self, base: Any, folder: Path) -> None:
        self._base = base
        self.cache = FeatureCache(folder, base.output_shape[-1])
        self._waiting: list[tuple[Key, Pixels]] = []

    def embed(self, key: Key, pixels: Pixels) -> None:
        """Take a view ``uint8[S, S, 3]`` into the next batch, and embed that once it is full."""
        self._waiting.append((key, pixels))
        if len(self._waiting) >= BATCH:
            self.embed_rest()

    def embed_rest(self) -> None:
        """Embed what has gathered."""
        if self._waiting:
            pixels = np.stack([pixels for _, pixels in self._waiting])
            vectors = np.asarray(self._base.predict_on_batch(pixels), np.float32)
            self.cache.add((key for key, _ in self._waiting), vectors)
            self._waiting = []
