"""A collection of versions of one thing (a model, an index), and which one is current."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from lookalike.errors import (
    DigestMismatch,
    NothingPublished,
    PublishConflict,
    StoreError,
    VersionNotFound,
)
from lookalike.store import files, manifest
from lookalike.store.files import Patience
from lookalike.store.location import Location
from lookalike.store.manifest import FileDigest, Manifest
from lookalike.store.numbers import next_number
from lookalike.store.publishing import publishing

CURRENT = "CURRENT"
DIGEST_LENGTH = 12
STAMP = "%Y%m%dT%H%M%S"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Finish = Callable[[Path, str], None]


class Collection:
    """Versions under one folder of the store.

    Args:
        url: where the versions lie: a local path, or any URL that fsspec reads.
        numbered: versions are 1, 2, 3, … (TensorFlow Serving wants numbers); otherwise
            a version is named by its time and by its manifest's digest, so that the name
            in ``CURRENT`` vouches for the manifest and that for the files.
    """

    def __init__(self, url: str, *, numbered: bool) -> None:
        self.location = Location(url)
        self._numbered = numbered

    @property
    def local(self) -> Path | None:
        """The folder on this machine's file system, or None where the store is remote."""
        return self.location.local

    @property
    def root(self) -> str:
        """The collection's path, as its file system spells it."""
        return self.location.root

    def versions(self) -> list[str]:
        """Name the complete versions, oldest first."""
        found = [name.split("/")[0] for name in self.location.names(f"*/{manifest.FILE_NAME}")]
        return sorted((name for name in found if self._is_version(name)), key=self._order)

    def latest(self) -> str:
        """Name the newest version; raise VersionNotFound where there is none."""
        versions = self.versions()
        if not versions:
            made_by = "export-model" if self._numbered else "reindex"
            raise VersionNotFound(
                f"{self.root} holds no complete version yet: 'lookalike {made_by}' makes one"
            )
        return versions[-1]

    def manifest(self, version: str) -> Manifest:
        """Read a version's manifest and hold it against the digest in the version's name.

        Raises:
            VersionNotFound: there is no such version.
            StoreError: it cannot be read, as of :meth:`Location.read`.
            DigestMismatch: it is damaged.
        """
        if not NAME.fullmatch(version):
            raise VersionNotFound(f"{version!r} is no version's name")
        name = f"{version}/{manifest.FILE_NAME}"
        path = self.location.path(name)
        try:
            data = self.location.read(name)
        except FileNotFoundError as error:
            raise VersionNotFound(f"{path} does not exist") from error
        if not self._numbered and _digest(data) != version.rpartition("-")[2]:
            raise DigestMismatch(f"{path} is not the manifest that its version's name vouches for")
        return manifest.decode_manifest(data, path)

    def siblings(self) -> "list[Collection]":
        """Open the collections beside this one, of the same kind, itself included."""
        parent = Location(self.location.parent)
        names = {name.split("/")[0] for name in parent.names(f"*/*/{manifest.FILE_NAME}")}
        return [self.beside(name) for name in names]

    def beside(self, name: str) -> "Collection":
        """Open the collection of another name, of the same kind."""
        return Collection(f"{self.location.parent}/{name}", numbered=self._numbered)

    def place(self, version: str, file: FileDigest) -> str:
        """Say where a version's file lies below the collection: maybe in an earlier version.

        Raises:
            StoreError: the manifest names a place outside of the collection.
        """
        owner = version if file.version is None else file.version
        name = f"{owner}/{file.path}"
        if not NAME.fullmatch(owner) or ".." in file.path.split("/"):
            raise StoreError(f"the manifest names a file outside of its collection: {name!r}")
        return name

    def download(self, version: str, file: FileDigest, destination: Path) -> None:
        """Copy one file of a version to a local path, and hold it against its digest.

        Raises:
            StoreError: the file is not there.
            DigestMismatch: it is not what the manifest says.
        """
        name = self.place(version, file)
        try:
            self.location.download(name, destination)
        except FileNotFoundError as error:
            path = self.location.path(name)
            raise StoreError(f"{path} is missing from the store") from error
        manifest.verify_file(destination, file)

    def read(self, version: str, file: FileDigest) -> bytes:
        """Read one small file of a version, held against its digest; needs no room on a disk.

        Raises:
            StoreError: the file is not there, or may not be read.
            DigestMismatch: it is not what the manifest says.
        """
        name = self.place(version, file)
        path = self.location.path(name)
        try:
            data = self.location.read(name)
        except FileNotFoundError as error:
            raise StoreError(f"{path} is missing from the store") from error
        manifest.verify_data(data, path, file)
        return data

    @contextmanager
    def draft(self, scratch: Path | None = None) -> Iterator[Path]:
        """Give a local folder to build a version in, to be handed to :meth:`publish`.

        Args:
            scratch: where it is where the store is remote, as of :func:`files.scratch_folder`; a
                local store has it beside its versions.
        """
        with files.scratch_folder(self.local or scratch) as folder:
            yield folder

    def publish(
        self,
        folder: Path,
        details: msgspec.Struct,
        finish: Finish | None = None,
        shared: Sequence[FileDigest] = (),
    ) -> str:
        """Make a draft a version, wholly or not at all, and return its name.

        ``CURRENT`` stays as it is: see :meth:`set_current`.

        Args:
            folder: the draft, with all of its files.
            details: what the manifest says beside the files' digests.
            finish: writes the files that must name their version; numbered versions only,
                since the others' names follow from what is in them.
            shared: files of earlier versions that are this one's too, as they are.
        """
        while True:
            version = next_number(self.location) if self._numbered else ""
            if finish is not None:
                finish(folder, version)
            made = manifest.describe(folder, _now(), details, shared)
            version = version or f"{_stamp(self.versions())}-{_digest(made.encode())}"
            if self.local is None:
                self._upload(folder, version, made)
            elif not _rename_into_place(folder, self.local, version, made):
                continue  # another publisher took this name: the next one is free
            return version

    def current(self) -> str:
        """Name the version that ``CURRENT`` points at.

        Raises:
            NothingPublished: there is none.
            DigestMismatch: what it says is no version's name.
        """
        try:
            named = self.location.read(CURRENT).decode("ascii", "replace").strip()
        except FileNotFoundError as error:
            raise NothingPublished(
                f"{self.root}/{CURRENT} does not exist yet: 'lookalike reindex' publishes an index"
            ) from error
        if not NAME.fullmatch(named):
            raise DigestMismatch(
                f"{self.root}/{CURRENT} names no version; 'lookalike index rollback VERSION' names "
                "one anew"
            )
        return named

    def current_or_none(self) -> str | None:
        """Name the version that ``CURRENT`` points at, None without one; errors as :meth:`current`.

        Whoever decides by it what may be removed, or what a model is compared with, must not take
        a damaged one for none.
        """
        try:
            return self.current()
        except NothingPublished:
            return None

    def current_if_told(self) -> str | None:
        """As :meth:`current_or_none`, and None where ``CURRENT`` names no version either.

        For showing what there is, and for mending just that.
        """
        try:
            return self.current_or_none()
        except DigestMismatch:
            return None

    def set_current(self, version: str, patience: Patience | None = None) -> str | None:
        """Point ``CURRENT`` at a complete version, atomically, whatever it pointed at.

        Gives the version that it pointed at, None where it did not exist.

        Args:
            version: its name.
            patience: raises where nobody waits for this any more, and then ``CURRENT`` stays.
        """
        with publishing(self.location, patience) as still_held:
            self.manifest(version)  # here, since what waited for the lock may have been pruned
            before = self.current_if_told()
            if patience is not None:
                patience()
            still_held()
            self._point_at(version)
        return before

    def succeed(self, predecessor: str | None, version: str) -> None:
        """Point ``CURRENT`` at a complete version if it still points at ``predecessor``.

        Raises:
            PublishConflict: it does not: somebody else has published, or rolled back,
                since ``predecessor`` was looked up. ``CURRENT`` stays as it is.
        """
        with publishing(self.location) as still_held:
            self.manifest(version)
            current = self.current_if_told()
            if current != predecessor:
                raise PublishConflict(
                    f"CURRENT moved from {predecessor} to {current} while version {version} was "
                    "made; that version is complete and not served: run the job again, or point "
                    f"CURRENT at it with 'lookalike index rollback {version}'",
                    current=current,
                    version=version,
                )
            still_held()
            self._point_at(version)

    def _point_at(self, version: str) -> None:
        self.location.write(CURRENT, f"{version}\n".encode())

    def _upload(self, folder: Path, version: str, made: Manifest) -> None:
        for file in made.files:
            if file.version is None:
                self.location.upload(folder / file.path, self.place(version, file))
        self.location.write(f"{version}/{manifest.FILE_NAME}", made.encode())

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


def _rename_into_place(folder: Path, root: Path, version: str, made: Manifest) -> bool:
    """Give a draft its name; False where that name is taken."""
    (folder / manifest.FILE_NAME).write_bytes(made.encode())
    files.sync_tree(folder)
    try:
        folder.rename(root / version)
    except OSError:
        if not (root / version).exists():
            raise
        (folder / manifest.FILE_NAME).unlink()
        return False
    files.sync(root)
    return True


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGEST_LENGTH]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def made_at(version: str) -> float | None:
    """Read from an index version's name when it was made, in Unix time; None: it does not tell."""
    try:
        made = datetime.fromisoformat(version.partition("Z")[0]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return made.timestamp()


def _stamp(versions: Sequence[str]) -> str:
    """Tell the time to the millisecond, or that after the newest version's.

    Names of versions sort by it, and the oldest are pruned: one that is made once a clock went
    back, or by a machine whose clock is behind, must not be taken for older than the others.
    """
    made = [time for version in versions if (time := made_at(version)) is not None]
    after = datetime.fromtimestamp(max(made, default=0.0), UTC) + timedelta(milliseconds=1)
    stamp = max(datetime.now(UTC), after)
    return f"{stamp:{STAMP}}.{stamp.microsecond // 1000:03}Z"
