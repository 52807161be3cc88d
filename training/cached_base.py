"""The frozen base behind a cache: each view goes through it once, in batches."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.feature_cache import FeatureCache, Key
from training.framework import keras
from training.precision import gpu_capabilities

BATCH = 32  # pictures are read so far ahead
# Views that go through the base side by side on a processor: small ones keep no two cores busy.
# By JAX one after the other: there Keras lends the weights to one prediction at a time.
AT_ONCE = 4 if keras.backend.backend() == "tensorflow" else 1

Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]


def batch_size() -> int:
    """Give how many views the base computes together: on a processor each is a batch alone.

    There a view's place in a batch decides how the last digit is rounded, so that features
    would depend on what else was missing from the cache. Alone they do not, whatever else is
    computed meanwhile.
    """
    return BATCH if gpu_capabilities() else 1


class CachedBase:
    """Embeds views that gather to batches, and keeps their features.

    Args:
        base: Keras model from ``[n, S, S, 3]`` RGB pixels to ``float32[n, d]``.
        folder: of its cache.
        half: see :class:`FeatureCache`.

    Attributes:
        cache: has the features of what was embedded, but for the batch that gathers.
    """

    def __init__(self, base: Any, folder: Path, *, half: bool = False) -> None:
        self._base = base
        self.cache = FeatureCache(folder, base.output_shape[-1], half=half)
        self._alone = batch_size() == 1
        self._waiting: list[tuple[Key, Pixels]] = []

    def embed(self, key: Key, pixels: Pixels) -> None:
        """Take a view ``uint8[S, S, 3]`` into the next batch, and embed that once it is full."""
        self._waiting.append((key, pixels))
        if len(self._waiting) >= BATCH:
            self.embed_rest()

    def embed_rest(self) -> None:
        """Embed what has gathered."""
        if self._waiting:
            vectors = self._embedded(np.stack([pixels for _, pixels in self._waiting]))
            self.cache.add((key for key, _ in self._waiting), vectors)
            self._waiting = []

    def _embedded(self, pixels: Pixels) -> Vectors:
        if not self._alone:
            return np.asarray(self._base.predict_on_batch(pixels), np.float32)
        first, *others = np.split(pixels, len(pixels))
        made = [self._base.predict_on_batch(first)]  # which builds the graph, the first time
        with ThreadPoolExecutor(AT_ONCE) as pool:
            made += pool.map(self._base.predict_on_batch, others)
        return np.concatenate(made).astype(np.float32)
