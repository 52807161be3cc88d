"""An extraction that is started, warmed up and held back, so that only its work is timed.

Starting processes costs the same for ten pictures and for ten million; what is compared
is the rate at which an extraction goes on.
"""

import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from indexing.extraction.extract import Job, extract
from indexing.extraction.feeder import FIRST_STRETCH
from indexing.extraction.settings import ExtractionSettings
from lookalike.catalogue import Picture
from lookalike.index import ModelReference
from lookalike.picture.contract import Pixels
from lookalike.serving.base import Embedder
from lookalike.vectors import Vectors

WARM = FIRST_STRETCH  # pictures of the warm-up: the first ones that are looked up together


class Gated:
    """Extracts a catalogue into an empty store, whenever it is run.

    Args:
        catalogue: its first ``WARM`` pictures are for the warm-up.
        model: what embeds.
        embedder: a client of it.
        settings: of the extraction.
        folder: for the store; emptied each time.
    """

    def __init__(
        self,
        catalogue: Sequence[Picture],
        model: ModelReference,
        embedder: Embedder,
        settings: ExtractionSettings,
        folder: Path,
    ) -> None:
        self._catalogue, self._settings, self._folder = catalogue, settings, folder
        self._embedder = _Counting(embedder)
        self._job = Job(store=str(folder / "store"), scratch=folder, index="bench", model=model)
        self._pool = ThreadPoolExecutor(1)
        self._gate = threading.Event()
        self._running: Future[Any] | None = None

    @property
    def items(self) -> int:
        """Pictures that a timed run extracts."""
        return len(self._catalogue) - WARM

    def prepare(self) -> None:
        """Start over, and extract the pictures of the warm-up."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._gate.clear()
        self._embedder.restart(WARM)
        self._running = self._pool.submit(
            extract, self._pictures(), self._job, self._embedder, self._settings
        )
        while not self._embedder.reached.wait(0.1):
            assert not self._running.done(), self._running.result()

    def run(self) -> None:
        """Extract all the others, to the end."""
        assert self._running is not None
        self._gate.set()
        tally = self._running.result()
        assert tally.made == len(self._catalogue), tally

    def _pictures(self) -> Iterator[Picture]:
        yield from self._catalogue[:WARM]
        self._gate.wait()
        yield from self._catalogue[WARM:]


class _Counting:
    """Tells when a number of pictures has been embedded."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._lock = threading.Lock()
        self.reached = threading.Event()
        self._left = 0

    def restart(self, count: int) -> None:
        self._left = count
        self.reached.clear()

    def embed(self, pixels: Pixels) -> Vectors:
        vectors = self._embedder.embed(pixels)
        with self._lock:
            self._left -= len(pixels)
            if self._left <= 0:
                self.reached.set()
        return vectors

    def available_versions(self) -> set[int]:
        return self._embedder.available_versions()

    def close(self) -> None:
        self._embedder.close()
