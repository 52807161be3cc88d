"""Which change records a version knows of: their names, in a small file of the version."""

from collections.abc import Iterable
from pathlib import Path

import msgspec


def write_folded(path: Path, names: Iterable[str]) -> None:
    """Write the names of the records that are taken into account."""
    path.write_bytes(msgspec.json.encode(sorted(names)))


def read_folded(path: Path) -> frozenset[str]:
    """Read them."""
    return frozenset(msgspec.json.decode(path.read_bytes(), type=list[str]))
