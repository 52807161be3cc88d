"""The recall of what is really asked: now and then a search is made again, exactly.

Comparing with every row of an index takes seconds where it has many. So it is done off the
request's path, on a thread of its own, and after each time there is a rest that keeps the
whole below a small share of a core. What is asked meanwhile is not measured.
"""

import logging
import threading
import time
from collections.abc import Callable

import msgspec
import numpy as np

from lookalike.index import Filter, IndexVersion, Selection
from lookalike.index.faiss_index import Distances
from lookalike.index.overlay import Near
from lookalike.index.recall import K, recalled
from lookalike.vectors import Vectors
from search_api.apart import run_idle
from search_api.asked import Asked
from search_api.metrics import LIVE_RECALL, RECALL_SAMPLES

# A sample waits for so long at most: whoever adds one has no more to do than to put it down.
LOOK_SECONDS = 0.2
# What could not be measured took nobody knows how long.
FAILED_REST_SECONDS = 60.0

Search = Callable[[Vectors, int, Selection | None], Near]

_log = logging.getLogger(__name__)


class Sample(msgspec.Struct, frozen=True):
    """A search that was answered; it keeps its index version open, as requests do."""

    index: IndexVersion
    asked: Asked
    filter: Filter | None


class RecallMeter:
    """Measures one search of many, and no more than its share of a core allows.

    Args:
        every: one search of so many; 0: none.
        share: of a core, greater than 0.
        clock: seconds.

    Attributes:
        share: as given.
    """

    def __init__(
        self, every: int, share: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every, self.share, self._clock = every, share, clock
        self._searches = 0
        self._sample: Sample | None = None
        self._rests_until = -np.inf

    def start(self) -> None:
        """Measure from now on, unless nothing is to be."""
        if self._every:
            threading.Thread(target=self._watch, name="recall-meter", daemon=True).start()

    def note(self, index: IndexVersion, asked: Asked, wanted: Filter | None) -> None:
        """Count a search that was answered, and keep it where it is one to measure.

        On the event loop; to most searches it is an addition and a division.
        """
        self._searches += 1
        if not self._every or self._searches % self._every:
            return
        if self._sample is not None:
            RECALL_SAMPLES.labels("skipped_busy").inc()
        elif self._clock() < self._rests_until:
            RECALL_SAMPLES.labels("skipped_budget").inc()
        else:
            self._sample = Sample(index, asked, wanted)

    def measure(self) -> None:
        """Measure the sample that waits, if one does, and begin a rest."""
        sample = self._sample
        if sample is None:
            return
        try:
            recall, seconds = run_idle(lambda: _timed(sample))
        except Exception:  # noqa: BLE001  measuring goes on with the next one
            _log.warning("the recall of a search could not be measured", exc_info=True)
            self._rests_until = self._clock() + FAILED_REST_SECONDS
            RECALL_SAMPLES.labels("failed").inc()
        else:
            self._rests_until = self._clock() + seconds * (1 / self.share - 1)
            _note(sample, recall)
        finally:
            self._sample = None

    def _watch(self) -> None:
        while True:
            self.measure()
            time.sleep(LOOK_SECONDS)


def recall_of(sample: Sample) -> float | None:
    """Search for the ten nearest again, and exactly, among the pictures that may be answered now.

    Exactly means by the codes that candidates are compared by. The picture that was asked for
    is left out of both, as it is before a version is published; it is found for certain.

    Returns:
        The share of the exact answers that the search found; None where there are none.
    """
    index = sample.index
    selection = None if sample.filter is None else index.select(sample.filter)
    # First, since it has faiss work by one thread on this one.
    found = _others(sample, K, selection, index.nearest)
    if len(found) < K:  # one more, in the place of the picture itself
        found = _others(sample, K + 1, selection, index.nearest)
    exact = _others(sample, K + 1, selection, index.exact)[:K]
    return recalled(found[np.newaxis, : len(exact)], exact[np.newaxis]) if len(exact) else None


def _others(sample: Sample, k: int, selection: Selection | None, search: Search) -> Distances:
    """Give the distances of what a search finds, without the picture that was asked for."""
    [hits] = sample.index.hits(search(sample.asked.vector[np.newaxis], k, selection))
    others = [hit.distance for hit in hits if not sample.asked.is_of(hit.picture)]
    return np.array(others, np.float32)


def _timed(sample: Sample) -> tuple[float | None, float]:
    """Give the recall, and the seconds of a core that it took to tell."""
    begun = time.thread_time()
    recall = recall_of(sample)
    return recall, time.thread_time() - begun


def _note(sample: Sample, recall: float | None) -> None:
    RECALL_SAMPLES.labels("empty" if recall is None else "measured").inc()
    if recall is not None:
        LIVE_RECALL.labels("no" if sample.filter is None else "yes").observe(recall)
