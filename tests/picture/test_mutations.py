"""Thousands of mutated pictures of every format crash nothing, in 2 GB of address space."""

import subprocess
import sys

import pytest

COUNT = 4000


@pytest.mark.parametrize("seed", range(3))
def test_mutated_pictures_crash_nothing(seed: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.picture.mutate", str(seed), str(COUNT)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert 0.05 * COUNT < int(done.stdout) < 0.9 * COUNT
