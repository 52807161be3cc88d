"""Which files a model was trained on, kept beside its export: it is not to be judged by those."""

from collections.abc import Iterable
from pathlib import Path

FILE_NAME = "trained_on.bin"
# Of a SHA-256, in bytes: enough that no two files share it.
PREFIX = 16


def write_trained_on(digests: Iterable[str], path: Path) -> None:
    """Write hexadecimal digests of files."""
    path.write_bytes(b"".join(sorted(map(_prefix, digests))))


def read_trained_on(path: Path) -> "TrainedOn | None":
    """Read what was written; None beside models of before it was kept."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return TrainedOn(data[start : start + PREFIX] for start in range(0, len(data), PREFIX))


class TrainedOn(frozenset[bytes]):
    """Digests of files that a model was trained on."""

    def has(self, digest: str) -> bool:
        """Tell whether a file of this hexadecimal digest is among them."""
        return _prefix(digest) in self


def _prefix(digest: str) -> bytes:
    return bytes.fromhex(digest)[:PREFIX]
