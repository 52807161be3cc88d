"""A folder of labelled folders on this machine's file system."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from lookalike.catalogue.picture import Picture, Stamp, checked_id
from lookalike.errors import DataError

# Files that are kept beside pictures; all others are taken for pictures until they are read.
SIDECARS = frozenset({".csv", ".db", ".ini", ".json", ".md", ".txt", ".xml", ".yaml", ".yml"})

# What a file system that was just made has in its root, and only the superuser may list.
NO_PICTURES = frozenset({"lost+found"})

# How _text writes a byte that is no UTF-8.
ESCAPED = re.compile(r"\\u(dc[89a-f][0-9a-f])")


class Folder:
    """The pictures of a folder of labelled folders, sorted by id, streamed at each iteration.

    A picture's id is its path relative to the root, with forward slashes; its label is the
    first folder below the root, None for a file in the root. Hidden files and folders, those of
    ``NO_PICTURES``, known sidecars (``SIDECARS``), links to folders and links to files outside
    the root are left out.

    Raises:
        DataError: the root is no folder; while iterating: a folder in it cannot be listed, or
            a name makes no id (a broken name's id is that of another file, or too long).
    """

    distinct = True

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise DataError(f"{root} is not a folder: give a folder of labelled folders")
        self.root = root.resolve()

    def __iter__(self) -> Iterator[Picture]:
        return self._below(self.root, "")

    def labels(self) -> list[str]:
        """List the folders directly below the root, those without a picture too."""
        return [
            _text(e.name) for e in _sorted_entries(self.root) if e.is_dir(follow_symlinks=False)
        ]

    def links(self) -> Iterator[str]:
        """Yield the links to folders that a walk passes over, by their path below the root."""
        return self._links(self.root, "")

    def _links(self, folder: Path, prefix: str) -> Iterator[str]:
        for entry in _sorted_entries(folder):
            name = prefix + _text(entry.name)
            if entry.is_dir(follow_symlinks=False):
                yield from self._links(Path(entry.path), f"{name}/")
            elif entry.is_symlink() and Path(entry.path).is_dir():
                yield name

    def _below(self, folder: Path, prefix: str) -> Iterator[Picture]:
        before = ""
        for entry in _sorted_entries(folder):
            name = checked_id(prefix + _text(entry.name), str(folder))
            if name == before:
                raise DataError(f"two files would have the id {name!r}: rename one of them")
            before = name
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(Path(entry.path), f"{name}/")
            elif self._is_ours(entry):
                label = name.split("/", 1)[0] if prefix else None
                yield Picture(name, Path(entry.path).as_uri(), label, stamp=_stamp(entry))

    def _is_ours(self, entry: os.DirEntry[str]) -> bool:
        if not _is_file(entry) or Path(entry.name).suffix.lower() in SIDECARS:
            return False
        return not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(self.root)


def file_of(root: Path, picture_id: str) -> Path:
    """Find the file of a picture of a :class:`Folder`, also of one whose name is no UTF-8."""
    path = root / picture_id
    if ESCAPED.search(picture_id) is None or path.exists():
        return path
    return root / ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), picture_id)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        # A link that leads to itself, or to where nobody may look: as one that leads nowhere.
        return False


def _stamp(entry: os.DirEntry[str]) -> Stamp | None:
    try:
        found = entry.stat()
    except FileNotFoundError:
        return None  # gone since it was listed; reading it will tell
    return Stamp(found.st_size, found.st_mtime_ns)


def _sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    """List what is not passed over, so that a walk in this order meets ids in sorted order."""
    try:
        with os.scandir(folder) as entries:
            seen = [entry for entry in entries if not _is_passed_over(entry.name)]
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror}") from error
    return sorted(seen, key=lambda e: _text(e.name) + "/" * e.is_dir(follow_symlinks=False))


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name in NO_PICTURES


def _text(name: str) -> str:
    """Make an id of a file name, also of one that is not valid UTF-8."""
    return name.encode(errors="backslashreplace").decode()
