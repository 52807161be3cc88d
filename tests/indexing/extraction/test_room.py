"""A disk that fills up: a clear error, nothing corrupted, and the next run goes on."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.catalogue import Folder
from lookalike.errors import StoreFull
from tests.indexing.embedders import Means
from tests.indexing.extraction.jobs import embedded, features, run
from tests.pictures import write_pictures


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_fills_up_ends_the_job_and_the_next_run_goes_on(
    small_disk: Path, tmp_path: Path
) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=4, each=50)
    (small_disk / "ballast").write_bytes(bytes(60_000))
    with pytest.raises(StoreFull, match="run the same command again"):
        run(Folder(pictures), small_disk)
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    tally = run(Folder(pictures), small_disk)
    assert tally.embedded == 200
    assert len(embedded(small_disk)) == 200


def test_a_part_of_the_features_that_finds_no_room_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger keeps its vectors, for the next run to write."""
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=20)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    write = type(features(tmp_path)).write

    def write_into_little(*arguments: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            write(*arguments)  # type: ignore[arg-type]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    monkeypatch.setattr("indexing.extraction.features.Features.write", write_into_little)
    with pytest.raises(StoreFull):
        run(Folder(pictures), tmp_path)
    assert features(tmp_path).parts() == []
    monkeypatch.undo()
    embedder = Means()
    tally = run(Folder(pictures), tmp_path, embedder)
    assert (tally.resumed, tally.embedded, embedder.embedded) == (True, 20, 0)
    assert len(features(tmp_path).parts()) == 1


def test_a_ledger_that_finds_no_room_says_so(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=1, each=5)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(StoreFull):
            run(Folder(pictures), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert run(Folder(pictures), tmp_path).embedded == 5
