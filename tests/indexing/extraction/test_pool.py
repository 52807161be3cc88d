"""Reading processes that die, hang, or cannot start, as the job sees them."""

from pathlib import Path

import pytest

from indexing.extraction import child
from lookalike.catalogue import Folder
from lookalike.errors import ConfigurationError
from tests.indexing.extraction import crashing
from tests.indexing.extraction.jobs import embedded, reasons, run
from tests.pictures import write_pictures


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures", labels=2, each=20)


def serve_with(monkeypatch: pytest.MonkeyPatch, serve: object) -> None:
    """Have the pool start processes that run this instead."""
    monkeypatch.setattr(child.reader, "serve", serve)


def test_a_picture_that_ends_its_reader_is_quarantined_and_all_others_are_read(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (3, 4, 17):
        (pictures / "label-1" / f"{number}.bad").write_bytes(crashing.DEADLY)
    serve_with(monkeypatch, crashing.serve)
    tally = run(Folder(pictures), tmp_path, batch=8)
    assert (tally.embedded, tally.quarantined) == (40, 3)
    assert set(reasons(tmp_path).values()) == {"reader-crashed"}
    assert len(embedded(tmp_path)) == 40


def test_a_reader_that_dies_once_costs_no_picture(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that the system chose to kill for memory."""
    (pictures / "label-1" / "once.bad").write_bytes(crashing.ONCE + str(tmp_path).encode())
    serve_with(monkeypatch, crashing.serve)
    tally = run(Folder(pictures), tmp_path)
    assert (tmp_path / "died").exists()
    assert tally.embedded == 40
    assert reasons(tmp_path) == {"label-1/once.bad": "not-a-picture"}


def test_a_reader_that_hangs_is_ended(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "label-1" / "hang.bad").write_bytes(crashing.HANGING)
    serve_with(monkeypatch, crashing.serve)
    tally = run(Folder(pictures), tmp_path, stuck_seconds=3.0)
    assert tally.embedded == 40
    assert reasons(tmp_path) == {"label-1/hang.bad": "reader-crashed"}


def test_readers_that_cannot_start_end_the_job(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_with(monkeypatch, crashing.cannot_start)
    with pytest.raises(ConfigurationError, match=r"does not start .* status 7"):
        run(Folder(pictures), tmp_path)
