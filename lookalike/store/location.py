"""A folder of the store, wherever it is: a local path, or any URL that fsspec reads."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from fnmatch import translate
from pathlib import Path
from typing import BinaryIO

import fsspec

from lookalike.errors import ConfigurationError, StoreError
from lookalike.store import files


class Location:
    """Names below one URL; writes are atomic on local disks and on object stores alike."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            self._fs, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ConfigurationError(f"the store {url!r} cannot be opened: {error}") from error
        self.root = str(root)
        protocols = (
            (self._fs.protocol,) if isinstance(self._fs.protocol, str) else self._fs.protocol
        )
        self.local: Path | None = Path(self.root) if "file" in protocols else None

    def path(self, name: str) -> str:
        """Spell a name's whole path, as its file system does."""
        return f"{self.root}/{name}"

    @property
    def parent(self) -> str:
        """The URL of the folder that this one lies in."""
        return self.url.rpartition("/")[0]

    def uri(self, name: str) -> str:
        """Spell a name as a URI by which any program finds it."""
        if self.local is not None:
            return (self.local / name).absolute().as_uri()
        return str(self._fs.unstrip_protocol(self.path(name)))

    def names(self, pattern: str) -> list[str]:
        """List what matches a pattern of one or two names below here, as names, sorted.

        An error raises: it must not pass for a folder that is empty, as in fsspec's own glob.
        """
        # An object store's listings may be kept; another process may have written since.
        self._fs.invalidate_cache()
        return sorted(self._matching("", pattern.split("/")))

    def _matching(self, folder: str, patterns: list[str]) -> Iterator[str]:
        try:
            entries = self._entries(folder)
        except FileNotFoundError:
            return  # gone, or never there
        except NotADirectoryError as error:
            if folder:
                return  # a file by now
            raise StoreError(f"{self.root} cannot be read: {error.strerror}") from error
        matches = re.compile(translate(patterns[0])).match
        for name, is_folder in entries:
            if not matches(name.rpartition("/")[2]) or name == folder:
                continue
            if len(patterns) == 1:
                yield name
            elif is_folder:
                yield from self._matching(name, patterns[1:])

    def _entries(self, folder: str) -> list[tuple[str, bool]]:
        """List a folder: names below here, and whether each is a folder."""
        if self.local is not None:
            # fsspec asks for every file's size: ten times the work, in folders of thousands.
            with os.scandir(self.local / folder) as found:
                prefix = f"{folder}/" if folder else ""
                return [(prefix + entry.name, entry.is_dir()) for entry in found]
        listed = self._fs.ls(self.path(folder).rstrip("/"), detail=True)
        return [
            (entry["name"].rstrip("/")[len(self.root) + 1 :], entry["type"] == "directory")
            for entry in listed
        ]

    def has_bucket(self) -> bool:
        """Tell whether there is what everything remote lies in; a folder in it need not be."""
        return bool(self._fs.exists(self.root.partition("/")[0]))

    def files(self, folder: str) -> list[str]:
        """List every file below a folder, as names, sorted."""
        self._fs.invalidate_cache()
        return sorted(path[len(self.root) + 1 :] for path in self._fs.find(self.path(folder)))

    def size(self, name: str) -> int:
        """Tell a file's bytes; raise FileNotFoundError where there is none."""
        return int(self._fs.size(self.path(name)))

    def age(self, name: str) -> float:
        """Tell the seconds since a file was written; 0 where there is none."""
        self._fs.invalidate_cache()
        try:
            written: datetime = self._fs.modified(self.path(name))
        except FileNotFoundError:
            return 0.0
        return (datetime.now(UTC) - written).total_seconds()

    def read(self, name: str) -> bytes:
        """Read a small file.

        Raises:
            FileNotFoundError: there is none.
            StoreError: it is no file, or may not be read; a network's errors are not among these.
        """
        with self._refusals(name):
            return bytes(self._fs.cat_file(self.path(name)))

    def open(self, name: str) -> BinaryIO:
        """Open a file of any size, to be read from within; errors as :meth:`read`."""
        with self._refusals(name):
            file: BinaryIO = self._fs.open(self.path(name), "rb")
            return file

    @contextmanager
    def _refusals(self, name: str) -> Iterator[None]:
        try:
            yield
        except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
            said = error.strerror or error
            raise StoreError(f"{self.path(name)} cannot be read: {said}") from error

    def write(self, name: str, data: bytes) -> None:
        """Put a small file there, so that a reader sees the old one or the new one."""
        if self.local is not None:
            files.replace_file(self.local / name, data)
        else:
            self._fs.pipe_file(self.path(name), data)

    def create(self, name: str, data: bytes) -> None:
        """Put a small file there; raise FileExistsError where there is one already.

        Only one of several processes succeeds, on local disks and on object stores alike.
        """
        if self.local is not None:
            files.create_file(self.local / name, data)
        else:
            self._fs.pipe_file(self.path(name), data, mode="create")

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it; what is not there is left so."""
        with suppress(FileNotFoundError):
            self._fs.rm(self.path(name), recursive=True)

    def remove_files(self, names: Sequence[str]) -> None:
        """Remove many files, an object store's a thousand a request; gone ones are left so."""
        if self.local is not None:
            for name in names:
                (self.local / name).unlink(missing_ok=True)
        elif names:
            with suppress(FileNotFoundError):
                self._fs.rm([self.path(name) for name in names])

    def download(self, name: str, destination: Path) -> None:
        """Copy a file of any size to a local path."""
        self._fs.get_file(self.path(name), str(destination))

    def upload(self, source: Path, name: str) -> None:
        """Copy a local file of any size there; not atomic on a local disk."""
        self._fs.put_file(str(source), self.path(name))
