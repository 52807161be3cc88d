"""Compaction beneath readers, beside other jobs, and killed: no vector is ever missing."""

import multiprocessing
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexing.extraction.compaction import compact
from indexing.extraction.features import Features
from indexing.extraction.known import as_digests
from lookalike.store import Location
from tests.indexing.extraction.vectors import DIMENSIONS, digests, gathered, some_vectors
from tests.indexing.killing import ChangeCounter

COUNT = 200
VECTORS = some_vectors(COUNT)


def write_parts(features: Features, rows: int = 10, overlap: int = 5) -> None:
    """Write all vectors as parts of so many rows, some of which are in two."""
    for start in range(0, COUNT, rows):
        stop = start + rows + overlap
        features.write(as_digests(digests(COUNT)[start:stop]), VECTORS[start:stop])


def check_whole(features: Features) -> None:
    """Hold everything that readers get against what was written."""
    assert np.array_equal(gathered(features, COUNT), VECTORS)
    known = features.known()
    assert known.digests.contain(as_digests(digests(COUNT))).all()
    known.close()


def test_compaction_keeps_every_vector_once(features: Features) -> None:
    write_parts(features)
    assert compact(features, large=60, few=3) == 20
    assert len(features.parts()) < 8
    assert sum(features.rows(name) for name in features.parts()) < 300
    check_whole(features)


def test_few_parts_are_left_as_they_are_and_not_opened(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parts(features, rows=70)
    monkeypatch.setattr(Location, "open", None)
    assert compact(features, large=200, few=3) == 0
    assert len(features.parts()) == 3


def test_large_parts_are_left_as_they_are(features: Features) -> None:
    write_parts(features)
    before = features.parts()
    assert compact(features, large=5, few=3) == 0
    assert features.parts() == before


def test_a_part_alone_is_not_written_anew(features: Features) -> None:
    write_parts(features, rows=40, overlap=0)
    assert compact(features, large=80, few=3) == 4
    assert len(features.parts()) == 3


def compacting_once_listed(features: Features, times: int) -> Callable[[], list[str]]:
    """Give a listing that is old as soon as it is given, so many times."""
    listed, left = features.parts, [times]

    def listing() -> list[str]:
        names = listed()
        if left[0] > 0:
            left[0] -= 1
            compact(Features(features._location, DIMENSIONS), large=10_000, few=0)
            features.write(as_digests(digests(1, first=1000 + left[0])), some_vectors(1))
        return names

    return listing


@pytest.mark.parametrize("times", [1, 2])
def test_what_is_compacted_beneath_a_reader_is_read_in_its_new_part(
    features: Features, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parts(features)
    monkeypatch.setattr(features, "parts", compacting_once_listed(features, times))
    assert np.array_equal(gathered(features, COUNT), VECTORS)


def test_what_is_compacted_while_digests_are_listed_is_known(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parts(features)
    monkeypatch.setattr(features, "parts", compacting_once_listed(features, 1))
    known = features.known()
    assert known.digests.contain(as_digests(digests(COUNT))).all()
    known.close()


def test_jobs_that_compact_at_once_take_nothing_from_readers(tmp_path: Path) -> None:
    location = Location(str(tmp_path))
    write_parts(Features(location, DIMENSIONS))
    failures: list[Exception] = []

    def attempt(job: Callable[[Features], object]) -> None:
        try:
            for _ in range(10):
                job(Features(location, DIMENSIONS))
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    def again(features: Features) -> None:
        write_parts(features, rows=50)
        compact(features, large=60, few=3)

    jobs = [again, again, check_whole, check_whole]
    threads = [threading.Thread(target=attempt, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("place", [-6, 200])  # in the footer, or among the digests
def test_a_damaged_part_is_named_and_left_and_the_others_are_compacted(
    tmp_path: Path, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    features = Features(Location(str(tmp_path)), DIMENSIONS)
    write_parts(features, overlap=0)
    name = features.parts()[7]
    data = bytearray((tmp_path / name).read_bytes())
    data[place] ^= 1
    (tmp_path / name).write_bytes(data)
    assert compact(features, large=10_000, few=3) == 19
    assert len(features.parts()) == 2
    assert f"warning: the features in {tmp_path / name} are damaged" in capsys.readouterr().err


def compact_or_die(root: Path, kill_at: int | None, done: Any) -> None:
    """Compact; die at the ``kill_at``-th change of a file below ``root``."""
    changes = ChangeCounter(root, kill_at)
    compact(Features(Location(str(root)), DIMENSIONS), large=60, few=3)
    done.value = changes.count


def compacted(root: Path, kill_at: int | None = None) -> tuple[int | None, int]:
    """Compact four parts in a process; give how it ended, and how many files it changed."""
    write_parts(Features(Location(str(root)), DIMENSIONS), rows=50)
    spawn = multiprocessing.get_context("spawn")
    changes = spawn.Value("i", 0)
    process = spawn.Process(target=compact_or_die, args=(root, kill_at, changes))
    process.start()
    process.join()
    return process.exitcode, changes.value


def check_every_kill(root: Path, step: int) -> None:
    code, changes = compacted(root / "undisturbed")
    assert code == 0
    assert changes > 20
    for kill_at in range(1, changes + 1, step):
        folder = root / str(kill_at)
        assert compacted(folder, kill_at)[0] == -signal.SIGKILL
        check_whole(Features(Location(str(folder)), DIMENSIONS))


def test_a_kill_at_any_of_some_changes_loses_no_vector(tmp_path: Path) -> None:
    check_every_kill(tmp_path, step=17)


@pytest.mark.long
def test_a_kill_at_any_change_loses_no_vector(tmp_path: Path) -> None:
    check_every_kill(tmp_path, step=1)
