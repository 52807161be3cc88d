"""Storage that fails for a while: once it is back, the same command goes on to a good end."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from indexing.extraction.cli import DEFAULTS, extraction_settings
from lookalike.catalogue import Folder, Picture
from lookalike.errors import CatalogueShrunk, DataError
from lookalike.settings import Settings
from tests.indexing.extraction.jobs import reasons, run
from tests.pictures import write_pictures

# More than the least of which a share is told before the end.
MANY = 1100


def make_unreadable(path: Path) -> None:
    path.mkdir()  # no file: reading it is an OSError


def make_missing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize("fail", [make_unreadable, make_missing])
@pytest.mark.parametrize("count", [20, MANY])
def test_after_an_outage_the_same_command_reads_again_what_storage_failed_at(
    tmp_path: Path, fail: Callable[[Path], None], count: int
) -> None:
    path = tmp_path / "a.png"
    without_stamps = [Picture(f"{number:04}", path.as_uri()) for number in range(count)]
    fail(path)
    with pytest.raises(DataError, match=r"so far" if count == MANY else r"20 of 20"):
        run(without_stamps, tmp_path, max_rejected=0.1)
    assert len(reasons(tmp_path, unfinished=True)) >= 20
    if path.is_dir():
        path.rmdir()
    cv2.imwrite(str(path), np.full((32, 32, 3), 7, np.uint8))
    tally = run(without_stamps, tmp_path, max_rejected=0.1)
    assert tally.resumed
    assert (tally.embedded, tally.rejected) == (count, 0)


def test_a_folder_that_was_not_mounted_is_refused_and_not_read_again(tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "pictures", labels=2, each=10)
    away = tmp_path / "away"
    assert run(Folder(root), tmp_path).embedded == 20
    (root / "label-1").rename(away)
    for _ in range(2):
        with pytest.raises(CatalogueShrunk, match=r"10 pictures, .* 20 .*--allow-shrink"):
            run(Folder(root), tmp_path)
    away.rename(root / "label-1")
    tally = run(Folder(root), tmp_path)
    assert (tally.unchanged, tally.pictures, tally.removed) == (20, 20, 0)


def test_what_is_not_mounted_when_the_first_run_goes_on_is_refused_too(tmp_path: Path) -> None:
    pictures = list(Folder(write_pictures(tmp_path / "pictures", labels=1, each=10)))
    with pytest.raises(DataError):
        run([*pictures, Picture("x", "file:///nowhere")], tmp_path, max_rejected=0)
    with pytest.raises(CatalogueShrunk, match=r"0 pictures, .* 11 "):
        run([], tmp_path)
    assert run(pictures, tmp_path, max_rejected=0).removed == 1


def test_a_tenth_less_or_other_pictures_instead_are_no_outage(tmp_path: Path) -> None:
    pictures = list(Folder(write_pictures(tmp_path / "pictures", labels=1, each=10)))
    assert run(pictures[:8], tmp_path).pictures == 8
    assert run(pictures[2:], tmp_path).removed == 2
    assert run(pictures, tmp_path).pictures == 10
    assert run(pictures[1:], tmp_path).removed == 1


@pytest.mark.parametrize("allowed", [True, False])
def test_the_flag_allows_it_to_the_extraction_and_leaves_it_to_a_build(allowed: bool) -> None:
    names = ("processes", "batch", "in_flight", "patience_seconds", "max_rejected")
    given = {name: getattr(DEFAULTS, name) for name in names}
    options = {**given, "retry_quarantined": False, "allow_shrink": allowed}
    assert extraction_settings(options, Settings()).allow_shrink is allowed
    assert options == {"allow_shrink": allowed}
