"""SIGKILL at random moments: nothing is lost, little is done again, and the end is the same."""

import itertools
import multiprocessing
import os
import random
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.catalogue import Folder
from lookalike.vectors import Vectors
from tests.indexing.embedders import Slow
from tests.indexing.extraction.jobs import embedded, ledgers, reasons, run, vectors
from tests.pictures import write_pictures

BATCH, IN_FLIGHT = 8, 2
SETTINGS = {"batch": BATCH, "in_flight": IN_FLIGHT, "part_vectors": 40}
# In flight, waiting to be written, and being written.
AGAIN = BATCH * (IN_FLIGHT + 2 * IN_FLIGHT + 1)
LONGEST = 2.0  # seconds; on an idle machine a whole run takes about as long


class Counting(Slow):
    """Counts in memory that outlives its process."""

    def __init__(self, embedded: Any) -> None:
        super().__init__(0.02)
        self._embedded = embedded

    def embed(self, pixels: np.ndarray) -> Vectors:
        answer = super().embed(pixels)
        with self._embedded.get_lock():
            self._embedded.value += len(pixels)
        return answer


def extract_or_die(pictures: Path, root: Path, made: Any, seconds: float) -> None:
    """Extract; end by SIGKILL after so long, wherever the threads are then."""
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    run(Folder(pictures), root, Counting(made), **SETTINGS)
    os._exit(0)


def recorded(root: Path) -> int:
    """Count the outcomes that are durable in a run that was broken off, or has ended."""
    if not any((root / "store").rglob("*.sqlite")):
        return 0  # killed before it made one
    with ledgers(root, unfinished=True) as opened:
        return sum(opened.counts().values())


def state(root: Path) -> tuple[object, ...]:
    return (embedded(root), reasons(root), vectors(root).tolist())


def killed_often(pictures: Path, root: Path, moments: random.Random) -> int:
    """Run until a run comes to its end, and give how many were killed before."""
    context = multiprocessing.get_context("spawn")
    made, before = context.Value("i", 0), 0
    for kills in itertools.count():
        arguments = (pictures, root, made, moments.uniform(0, LONGEST))
        process = context.Process(target=extract_or_die, args=arguments)
        process.start()
        process.join()
        now = recorded(root)
        assert now >= before
        assert made.value <= 240 + kills * AGAIN
        if process.exitcode == 0:
            return kills
        assert process.exitcode == -signal.SIGKILL
        before = now
    raise AssertionError


def kill_often(root: Path, times: int) -> None:
    pictures = write_pictures(root / "pictures", labels=4, each=60)
    for number in range(6):
        (pictures / f"bad-{number}").write_bytes(b"no picture" * number)
    run(Folder(pictures), root / "undisturbed")
    moments, kills = random.Random(times), 0  # noqa: S311
    for attempt in itertools.count():
        kills += killed_often(pictures, root / str(attempt), moments)
        assert state(root / str(attempt)) == state(root / "undisturbed")
        if kills >= times:
            return


def test_after_some_kills_the_end_is_that_of_an_undisturbed_run(tmp_path: Path) -> None:
    kill_often(tmp_path, 4)


@pytest.mark.long
def test_after_many_kills_the_end_is_that_of_an_undisturbed_run(tmp_path: Path) -> None:
    kill_often(tmp_path, 50)


def test_a_killed_flush_leaves_vectors_in_both_places_or_one_and_no_other_harm(
    tmp_path: Path,
) -> None:
    """The moment between a part of the features and the transaction that empties ``pending``."""
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=20)
    path = tmp_path / "store/ledgers/default/embedder-1-555555555555/part-0-of-1.sqlite"
    run(Folder(pictures), tmp_path)
    before = state(tmp_path)
    (part,) = (tmp_path / "store" / "features").rglob("part-*")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE about SET value = 0 WHERE name = 'finished'")
        digests = b"".join(row.sha256 for row in embedded(tmp_path))
        values = (digests, vectors(tmp_path).tobytes())
        connection.execute("INSERT INTO pending VALUES (?, ?)", values)
    assert run(Folder(pictures), tmp_path).made == 0
    assert state(tmp_path) == before
    part.unlink()  # what the second part holds is all of it
    assert state(tmp_path) == before
