"""Model servers of these tests' own: what they answer follows from the pixels, or a script."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from lookalike.picture.contract import Pixels
from lookalike.vectors import Vectors

DIMENSIONS = 6


class Means:
    """Mean colour, twice; all zero for pictures that are black."""

    def __init__(self) -> None:
        self.embedded = 0
        self.batches: list[int] = []
        self._lock = threading.Lock()

    def embed(self, pixels: Pixels) -> Vectors:
        with self._lock:
            self.embedded += len(pixels)
            self.batches.append(len(pixels))
        return np.repeat(pixels.mean(axis=(1, 2)), 2, axis=1).astype(np.float32)

    def available_versions(self) -> set[int]:
        return {1}

    def close(self) -> None:
        pass


class Scripted(Means):
    """Raises what its script says, call by call; where it says None, and afterwards, answers."""

    def __init__(self, script: Iterable[Exception | None]) -> None:
        super().__init__()
        self._script: Iterator[Exception | None] = iter(script)

    def embed(self, pixels: Pixels) -> Vectors:
        with self._lock:
            error = next(self._script, None)
        if error is not None:
            raise error
        return super().embed(pixels)


class Judging(Means):
    """Raises what a function gives for the pixels; answers where it gives None."""

    def __init__(self, judge: Callable[[Pixels], Exception | None]) -> None:
        super().__init__()
        self._judge = judge

    def embed(self, pixels: Pixels) -> Vectors:
        error = self._judge(pixels)
        if error is not None:
            raise error
        return super().embed(pixels)


class Slow(Means):
    """Takes its time, so that a kill finds batches under way."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def embed(self, pixels: Pixels) -> Vectors:
        time.sleep(self._seconds)
        return super().embed(pixels)
