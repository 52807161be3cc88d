"""Prometheus metrics of all workers, in base units; no label holds an id or a query.

Each worker writes its own into files of a folder that gunicorn's configuration names
(prometheus_client's multi-process mode); whichever worker is asked adds them up.
"""

import math
import os
import resource
import time
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Summary,
    generate_latest,
    values,
)
from prometheus_client import REGISTRY as OWN
from prometheus_client.multiprocess import MultiProcessCollector

from lookalike.store import made_at
from search_api import own_stderr
from search_api.logs import BATCH, NONE, SEARCH

MEDIA_TYPE = CONTENT_TYPE_LATEST
# Whoever asks needs no key, and to render them takes as long as ten searches.
RENDER_SECONDS = 0.25
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_process = os.getpid()


def _note_process() -> None:
    global _process
    _process = os.getpid()


if FOLDER in os.environ:
    # Which process this is, it asks for each number that is counted: by a system call, usually.
    os.register_at_fork(after_in_child=_note_process)
    values.ValueClass = values.MultiProcessValue(lambda: _process)  # type: ignore[no-untyped-call]

KIBIBYTE = 1024  # what Linux counts memory in
# After a request that took so long the memory is looked at, and after any so much later: it
# takes a while to fill much.
LONG_SECONDS, LOOK_SECONDS = 0.002, 0.1
# From a search by vector to a picture through VGG16 on a processor.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Histogram(
    "lookalike_request_duration_seconds",
    "Time to answer a request, by the route's path, which holds no id.",
    ["method", "path", "status"],
    buckets=SECONDS,
)
SEARCHES = Counter(
    "lookalike_searches",
    "Searches, those of a batch one by one; a batch that is refused as a whole is one.",
    ["status", "problem"],
)
STAGES = Histogram(
    "lookalike_stage_duration_seconds",
    "Time of a search's stages: decode, embed, search; one by vector has only the last.",
    ["stage"],
    buckets=SECONDS,
)
PROBLEMS = Counter(
    "lookalike_problems",
    "Problem documents that were answered; too-busy are requests that were turned away.",
    ["type"],
)
CACHE = Counter(
    "lookalike_vector_cache_lookups", "Looks for a picture's vector: hit or miss.", ["outcome"]
)
SWAPS = Counter("lookalike_index_swaps", "New index versions: swapped to, or refused.", ["outcome"])
EMBEDDINGS = Gauge(
    "lookalike_embeddings_at_work",
    "Pictures at the model server or on their way.",
    multiprocess_mode="livesum",
)
EMBEDDINGS_LIMIT = Gauge(
    "lookalike_embeddings_limit",
    "How many may be there at once.",
    multiprocess_mode="livesum",
)
NATIVE = Gauge(
    "lookalike_native_work",
    "Pieces of work that wait for a thread, or are on one.",
    multiprocess_mode="livesum",
)
PICTURES = Gauge(
    "lookalike_index_pictures", "Pictures that can be found.", multiprocess_mode="livemostrecent"
)
ADDED = Gauge(
    "lookalike_index_added_pictures",
    "Pictures that can be found and were added since the served version was built.",
    multiprocess_mode="livemostrecent",
)
UNUSABLE = Counter(
    "lookalike_unusable_additions", "Additions that the served model can make nothing of."
)
SERVED_SINCE = Gauge(
    "lookalike_index_served_since_timestamp_seconds",
    "When a worker began to serve the version, Unix time; 0: it serves it no more.",
    ["index_version", "model_version"],
    multiprocess_mode="livemax",
)
CREATED = Gauge(
    "lookalike_index_created_timestamp_seconds",
    "When the served version was made, Unix time.",
    multiprocess_mode="livemostrecent",
)
# By worker: another start is another process, whatever became of the one before.
STARTED = Gauge(
    "lookalike_worker_start_timestamp_seconds",
    "When a worker began, Unix time: one that was replaced began later.",
    multiprocess_mode="liveall",
)
PEAK_MEMORY = Gauge(
    "lookalike_worker_peak_memory_bytes",
    "The most memory that a worker has had in use, mapped index files included.",
    multiprocess_mode="liveall",
)
RECALL = Gauge(
    "lookalike_index_measured_recall",
    "recall@10 of the served version, measured before it was published; NaN: it was not.",
    multiprocess_mode="livemostrecent",
)
# Sums and counts, so that the workers' add up to what one would have measured.
LIVE_RECALL = Summary(
    "lookalike_recall_at_10",
    "recall@10 of searches that were really asked and made again, exactly.",
    ["filtered"],
)
RECALL_SAMPLES = Counter(
    "lookalike_recall_samples",
    "Searches that were to be made again, exactly: measured, skipped_budget, skipped_busy, empty "
    "or failed.",
    ["outcome"],
)
SPANS = Counter(
    "lookalike_spans",
    "Spans of traces that ended: sent, failed to be, or dropped as too many waited.",
    ["outcome"],
)
LOST_LINES = Counter(
    "lookalike_lost_log_lines",
    "Lines of the log that were let go of: nobody read it, or its disk was full.",
)


def start(embeddings: float) -> None:
    """Tell that this worker began, and how many pictures it may have at the model server."""
    EMBEDDINGS_LIMIT.set(embeddings)
    STARTED.set_to_current_time()
    _note_memory()


def rendered() -> bytes:
    """Give the metrics of all workers in Prometheus' text format; reads files."""
    if FOLDER in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = OWN
    return generate_latest(registry)


def note_served(version: str, model: int, pictures: int, recall: float | None) -> None:
    """Say what this worker serves from now on."""
    SERVED_SINCE.labels(version, str(model)).set_to_current_time()
    PICTURES.set(pictures)
    # Not what was measured of the version before.
    RECALL.set(math.nan if recall is None else recall)
    if (created := made_at(version)) is not None:
        CREATED.set(created)


def note_request(
    method: str, path: str, status: str, seconds: float, problem: str | None = None
) -> None:
    """Say how long a request of a route took, and look at what memory it took.

    Args:
        method: of HTTP.
        path: of the route.
        status: of the answer.
        seconds: until it began.
        problem: its type, where it is a problem document.
    """
    # What came of a batch's searches is noted one by one.
    if path == SEARCH or (path == BATCH and problem is not None):
        note_searches({(status, problem): 1})
    # Of what has no route, the method may be any word.
    labels = ("any" if path == NONE else method, path, status)
    _observe(_request(*labels), [seconds])
    _note_lost_lines()
    if seconds > LONG_SECONDS or time.monotonic() > _looked + LOOK_SECONDS:
        _note_memory()


def note_searches(outcomes: Mapping[tuple[str, str | None], int]) -> None:
    """Count searches, by their answers' status and the problem's type where it is one."""
    for (status, problem), count in outcomes.items():
        _searches(status, problem or "").inc(count)


def note_stages(searches: Iterable[Mapping[str, float]]) -> None:
    """Say how long the stages of searches took; on the event loop, as all that is noted."""
    taken: dict[str, list[float]] = {}
    for seconds in searches:
        for stage, one in seconds.items():
            taken.setdefault(stage, []).append(one)
    for stage, several in taken.items():
        _observe(_stage(stage), several)


def _observe(histogram: Histogram, values: Sequence[float]) -> None:
    """Take in several values at once, which the library takes one by one, and slower each."""
    histogram._sum.inc(sum(values))
    if len(values) == 1:  # as of all but batches
        histogram._buckets[bisect_left(SECONDS, values[0])].inc(1)
        return
    places = Counts(bisect_left(SECONDS, value) for value in values)
    for place, count in places.items():
        histogram._buckets[place].inc(count)


def note_problem(kind: str) -> None:
    """Count a problem document, by the last part of its type."""
    _problem(kind).inc()


def note_left(version: str, model: int) -> None:
    """Say what this worker serves no more."""
    SERVED_SINCE.labels(version, str(model)).set(0)


def _note_memory() -> None:
    global _looked
    _looked = time.monotonic()
    PEAK_MEMORY.set(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE)


def _note_lost_lines() -> None:
    """Count what was lost by now, here: the threads that lose lines must not count themselves."""
    global _lost
    if (lost := own_stderr.lost()) != _lost:
        LOST_LINES.inc(lost - _lost)
        _lost = lost


_looked, _lost = 0.0, 0
# Few, and looked for at each request.
_stage = cache(STAGES.labels)
_request = cache(REQUESTS.labels)
_problem = cache(PROBLEMS.labels)
_searches = cache(SEARCHES.labels)
