"""What of bench.opening_workers is not measured."""

from pathlib import Path

import pytest

from bench.opening_workers import warm


def test_warming_reads_every_byte(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(bytes(3 << 20))
    warm([file, tmp_path / "a"])
    with pytest.raises(FileNotFoundError):
        warm([tmp_path / "gone"])
