"""A collection of versions of one thing (a model, an index), and which one is current."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import msgspec

from lookalike.errors import ConfigurationError, DigestMismatch, NothingPublished, VersionNotFound
from lookalike.store import files, manifest
from lookalike.store.manifest import Manifest

CURRENT = "CURRENT"
DIGEST_LENGTH = 12


class Collection:
    """Versions under one folder of the store.

    Args:
        url: where the versions lie: a local path, or any URL that fsspec reads.
        numbered: versions are 1, 2, 3, … (TensorFlow Serving wants numbers); otherwise
            a version is named by its time and by its manifest's digest, so that the name
            in ``CURRENT`` vouches for the manifest and that for the files.
    """

    def __init__(self, url: str, *, numbered: bool) -> None:
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ConfigurationError(f"the store {url!r} cannot be opened: {error}") from error
        self._numbered = numbered

    @property
    def local(self) -> Path | None:
        """The folder on this machine's file system, or None where the store is remote."""
        return Path(self._root) if "file" in _protocols(self._fs) else None

    @property
    def root(self) -> str:
        """The collection's path, as its file system spells it."""
        return str(self._root)

    def versions(self) -> list[str]:
        """Name the complete versions, oldest first."""
        found = [
            path.rsplit("/", 2)[-2]
            for path in self._fs.glob(f"{self._root}/*/{manifest.FILE_NAME}")
        ]
        return sorted((name for name in found if self._is_version(name)), key=self._order)

    def latest(self) -> str:
        """Name the newest version; raise VersionNotFound where there is none."""
        versions = self.versions()
        if not versions:
            raise VersionNotFound(f"{self._root} holds no complete version")
        return versions[-1]

    def manifest(self, version: str) -> Manifest:
        """Read a version's manifest and hold it against the digest in the version's name."""
        path = self.path(version, manifest.FILE_NAME)
        try:
            data: bytes = self._fs.cat_file(path)
        except FileNotFoundError as error:
            raise VersionNotFound(f"{path} does not exist") from error
        if not self._numbered and _digest(data) != version.rpartition("-")[2]:
            raise DigestMismatch(f"{path} is not the manifest that its version's name vouches for")
        return manifest.decode_manifest(data, path)

    def path(self, version: str, file: str) -> str:
        """Spell the path of one file of a version."""
        return f"{self._root}/{version}/{file}"

    def read(self, version: str, file: str, destination: Path) -> None:
        """Copy one file of a version to a local path, unverified."""
        self._fs.get_file(self.path(version, file), str(destination))

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """Give a local folder to build a version in, to be handed to :meth:`publish`."""
        if self.local is not None:
            with files.draft_folder(self.local) as folder:
                yield folder
        else:
            with tempfile.TemporaryDirectory() as temporary:
                yield Path(temporary)

    def publish(self, folder: Path, details: msgspec.Struct) -> str:
        """Make a draft a version, wholly or not at all, and return its name.

        ``CURRENT`` stays as it is: see :meth:`set_current`.
        """
        made = manifest.describe(folder, _now(), details)
        data = made.encode()
        if self.local is None:
            return self._upload(folder, made, data)
        (folder / manifest.FILE_NAME).write_bytes(data)
        files.sync_tree(folder)
        return self._rename_into_place(folder, self.local, data)

    def current(self) -> str:
        """Name the version that ``CURRENT`` points at; raise NothingPublished without one."""
        try:
            return str(self._fs.cat_file(f"{self._root}/{CURRENT}").decode().strip())
        except FileNotFoundError as error:
            raise NothingPublished(f"{self._root}/{CURRENT} does not exist yet") from error

    def set_current(self, version: str) -> None:
        """Point ``CURRENT`` at a complete version, atomically."""
        self.manifest(version)
        if self.local is not None:
            files.replace_file(self.local / CURRENT, f"{version}\n".encode())
        else:
            self._fs.pipe_file(f"{self._root}/{CURRENT}", f"{version}\n".encode())

    def _rename_into_place(self, folder: Path, root: Path, data: bytes) -> str:
        while True:
            version = self._next_name(data)
            try:
                folder.rename(root / version)
            except OSError:
                if not (root / version).exists():
                    raise
                continue  # another publisher took this number: the next one is free
            files.sync(root)
            return version

    def _upload(self, folder: Path, made: Manifest, data: bytes) -> str:
        version = self._next_name(data)
        for file in made.files:
            self._fs.put_file(str(folder / file.path), self.path(version, file.path))
        self._fs.pipe_file(self.path(version, manifest.FILE_NAME), data)
        return version

    def _next_name(self, data: bytes) -> str:
        if not self._numbered:
            return f"{_now('%Y%m%dT%H%M%SZ')}-{_digest(data)}"
        taken = [0] + [int(name) for name in self._folders() if name.isdecimal()]
        return str(max(taken) + 1)

    def _folders(self) -> list[str]:
        return [path.rsplit("/", 1)[-1] for path in self._fs.glob(f"{self._root}/*")]

    def _is_version(self, name: str) -> bool:
        return name.isdecimal() if self._numbered else not name.startswith(".")

    def _order(self, name: str) -> Any:
        return int(name) if self._numbered else name


def open_models(store: str, name: str) -> Collection:
    """Open the versions of a model: SavedModel folders numbered as TensorFlow Serving wants."""
    return Collection(f"{store}/models/{name}", numbered=True)


def open_indexes(store: str, name: str) -> Collection:
    """Open the versions of an index."""
    return Collection(f"{store}/indexes/{name}", numbered=False)


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGEST_LENGTH]


def _now(pattern: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    return datetime.now(UTC).strftime(pattern)
