"""A disk that fills up: a clear error, nothing corrupted, and the next run goes on."""

import resource
from pathlib import Path

import pytest

from lookalike.catalogue import Folder
from lookalike.errors import StoreFull
from tests.disks import enlarge, small_disk
from tests.indexing.embedders import Means
from tests.indexing.extraction.jobs import embedded, features, run
from tests.pictures import write_pictures


def test_a_disk_that_fills_up_ends_the_job_and_the_next_run_goes_on(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", labels=4, each=50)
    with small_disk(tmp_path / "disk", "200k") as disk:
        (disk / "ballast").write_bytes(bytes(60_000))
        with pytest.raises(StoreFull, match="run the same command again"):
            run(Folder(pictures), disk)
        (disk / "ballast").unlink()
        enlarge(disk, "20m")
        tally = run(Folder(pictures), disk)
        assert tally.embedded == 200
        assert len(embedded(disk)) == 200


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
