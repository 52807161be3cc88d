"""A folder of labelled folders on this machine's file system."""

import os
import re
import stat
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

    Of one folder at a time, and those that it lies in, the names of all files are in memory.

    A picture's id is its path relative to the root, with forward slashes; its label is the
    first folder below the root, None for a file in the root. Hidden files and folders, those of
    ``NO_PICTURES``, known sidecars (``SIDECARS``), links to folders and links to files outside
    the root are left out.

    Raises:
        DataError: the root is no folder; while iterating: a folder in it cannot be listed or
            entered, or a name makes no id (a broken name's id is that of another file, or too
            long).
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
        return [_text(name[:-1]) for name in _sorted_entries(self.root) if name.endswith("/")]

    def links(self) -> Iterator[str]:
        """Yield the links to folders that a walk passes over, by their path below the root."""
        return self._links(self.root, "")

    def _links(self, folder: Path, prefix: str) -> Iterator[str]:
        for entry in _sorted_entries(folder):
            path, name = folder / entry, prefix + _text(entry)
            if entry.endswith("/"):
                yield from self._links(path, name)
            elif path.is_symlink() and path.is_dir():
                yield name

    def _below(self, folder: Path, prefix: str) -> Iterator[Picture]:
        before = ""
        for entry in _sorted_entries(folder):
            name = checked_id(prefix + _text(entry).removesuffix("/"), str(folder))
            if name == before:
                raise DataError(f"two files would have the id {name!r}: rename one of them")
            before = name
            path = folder / entry
            if entry.endswith("/"):
                yield from self._below(path, f"{name}/")
            elif path.suffix.lower() not in SIDECARS:
                label = name.split("/", 1)[0] if prefix else None
                picture = self._picture(path, name, label)
                if picture is not None:
                    yield picture

    def _picture(self, path: Path, name: str, label: str | None) -> Picture | None:
        """Make a row of a file; None of what is no file, or a link that leads out."""
        try:
            seen = path.lstat()
        except FileNotFoundError:
            return Picture(name, path.as_uri(), label)  # gone since; reading it will tell
        except OSError as error:  # such as in a folder that may be listed, and not entered
            raise DataError(f"{path} cannot be looked at: {error.strerror}") from error
        found = self._linked(path) if stat.S_ISLNK(seen.st_mode) else seen
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        stamp = Stamp(found.st_size, found.st_mtime_ns)
        return Picture(name, path.as_uri(), label, stamp=stamp)

    def _linked(self, link: Path) -> os.stat_result | None:
        try:
            found = link.stat()
        except OSError:
            # It leads nowhere, to itself, or to where nobody may look.
            return None
        return found if link.resolve().is_relative_to(self.root) else None


def file_of(root: Path, picture_id: str) -> Path:
    """Find the file of a picture of a :class:`Folder`, also of one whose name is no UTF-8."""
    path = root / picture_id
    if ESCAPED.search(picture_id) is None or path.exists():
        return path
    return root / ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), picture_id)


def _sorted_entries(folder: Path) -> list[str]:
    """List what is not passed over, so that a walk in this order meets ids in sorted order.

    A folder's name ends with a slash. There may be millions, so names are all that is kept.
    """
    try:
        with os.scandir(folder) as entries:
            seen = [
                entry.name + "/" * entry.is_dir(follow_symlinks=False)
                for entry in entries
                if not _is_passed_over(entry.name)
            ]
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror}") from error
    seen.sort(key=_text)
    return seen


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name in NO_PICTURES


def _text(name: str) -> str:
    """Make an id of a file name, also of one that is not valid UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode(errors="backslashreplace").decode()
    return name  # itself: sorting then makes no copy of each
