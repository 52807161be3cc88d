"""Storage that fails for a while: once it is back, the same command goes on to a good end."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lookalike.catalogue import Picture
from lookalike.errors import DataError
from tests.indexing.extraction.jobs import reasons, run

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
