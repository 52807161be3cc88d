"""Verified local copies of stored versions: one fetch and one pass of digests a replica.

Worker processes share the copies. What stands under a version's name in the cache
has been verified, and is all there; it is removed only by :meth:`VerifiedCache.keep`.
"""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from lookalike.store import files
from lookalike.store.collection import Collection
from lookalike.store.manifest import FILE_NAME, FileDigest, decode_manifest, verify_file

GONE = ".gone-"


class VerifiedCache:
    """A folder of verified copies of one collection's versions.

    Args:
        folder: the cache's root on the local disk; collections do not collide in it.
        collection: where versions come from.
    """

    def __init__(self, folder: Path, collection: Collection) -> None:
        key = hashlib.sha256(collection.root.encode()).hexdigest()[:16]
        self._folder = folder / "versions" / key
        self._collection = collection

    def fetch(self, version: str) -> Path:
        """Give the verified local folder of a version, copying and digesting it the first time.

        Raises:
            VersionNotFound: the store has no complete version of that name.
            DigestMismatch: a file is not what the manifest says; nothing of it is kept.
        """
        target = self._folder / version
        with files.exclusive(self._folder / files.LOCK):
            if not target.is_dir():
                self._copy(version, target)
        return target

    def keep(self, versions: set[str]) -> list[str]:
        """Remove the copies of all other versions, and name these; mapped files stay readable."""
        if not self._folder.is_dir():
            return []
        with files.exclusive(self._folder / files.LOCK):
            folders = [path for path in self._folder.iterdir() if path.is_dir()]
            others = [path for path in folders if path.name not in versions]
            for path in others:
                _remove(path)
        return [path.name for path in others if not path.name.startswith(".")]

    def _copy(self, version: str, target: Path) -> None:
        manifest = self._collection.manifest(version)
        with files.draft_folder(self._folder) as draft:
            for file in manifest.files:
                destination = files.inside(draft, file.path)
                destination.parent.mkdir(parents=True, exist_ok=True)
                if not self._verified_already(file, destination):
                    self._bring(version, file, destination)
            (draft / FILE_NAME).write_bytes(manifest.encode())
            files.sync_tree(draft)  # whatever bears the version's name has been verified
            draft.rename(target)
        files.sync(self._folder)

    def _verified_already(self, file: FileDigest, destination: Path) -> bool:
        """Link a file that another version's copy here has: it was verified then."""
        for folder in self._folder.iterdir():
            if folder.name.startswith(".") or not (folder / FILE_NAME).is_file():
                continue
            if _named_alike(folder, file):
                with suppress(OSError):
                    os.link(folder / file.path, destination)
                    return True
        return False

    def _bring(self, version: str, file: FileDigest, destination: Path) -> None:
        """Hard-link where the store is on the same disk (no copy, safe from pruning), else copy."""
        if self._collection.local is not None:
            with suppress(OSError):
                os.link(self._collection.local / self._collection.place(version, file), destination)
                return verify_file(destination, file)
        return self._collection.download(version, file, destination)


def _remove(folder: Path) -> None:
    """Take a copy away; a process that is killed meanwhile leaves no part of it under its name."""
    if not folder.name.startswith("."):  # a killed process' draft, or what it was removing
        folder = folder.rename(folder.with_name(f"{GONE}{uuid4().hex}"))
    shutil.rmtree(folder, ignore_errors=True)


def _named_alike(folder: Path, file: FileDigest) -> bool:
    """Tell whether a verified copy's manifest has this very file, by path and digest."""
    made = decode_manifest((folder / FILE_NAME).read_bytes(), str(folder))
    return any(
        (known.path, known.sha256) == (file.path, file.sha256) and known.bytes == file.bytes
        for known in made.files
    )
