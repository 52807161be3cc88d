"""Shards built side by side, each in a process of its own."""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from indexing.build.segment import Segment, build_segment
from indexing.build.vectors import VectorFile
from lookalike.index import Shard
from lookalike.progress import Meter

LOOK_SECONDS = 0.5


class Work(msgspec.Struct, frozen=True):
    """A shard for a process to build; ``positions`` is a ``.npy`` file."""

    segment: Segment
    vectors: VectorFile
    positions: Path
    folder: Path


def build_all(work: Sequence[Work], processes: int, meter: Meter) -> list[Shard]:
    """Build shards, so many at once, and tell the meter of vectors as they are added.

    The processes are spawned, never forked: the parent's OpenMP threads do not survive a fork.
    """
    spawn = get_context("spawn")
    added = spawn.Value("q")
    told = 0
    with ProcessPoolExecutor(processes, spawn, initializer=_prepare, initargs=(added,)) as pool:
        futures = [pool.submit(_build, item) for item in work]
        for count in _added(futures, added):
            meter.add(count - told)
            told = count
        return [future.result() for future in futures]


def _added(futures: Sequence[Future[Shard]], added: Any) -> Iterator[int]:
    """Look now and then how many vectors have been added, until all is done or one failed."""
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, LOOK_SECONDS, FIRST_COMPLETED)
        yield int(added.value)
        if any(future.exception() for future in done):
            for future in waiting:
                future.cancel()
            return


_counter: Any


def _prepare(added: Any) -> None:
    global _counter
    _counter = added
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _build(work: Work) -> Shard:
    positions = np.load(work.positions, mmap_mode="r")
    return build_segment(work.segment, work.vectors.open(), positions, work.folder, _count)


def _count(vectors: int) -> None:
    with _counter.get_lock():
        _counter.value += vectors


def _end_with_the_parent() -> None:
    """A killed parent closes no queue that its processes wait at, since they hold it open too."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
