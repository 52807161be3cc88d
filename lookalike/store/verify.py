"""Reading a stored version back and holding every file against its manifest."""

from collections.abc import Sequence
from pathlib import Path

from lookalike.errors import DigestMismatch, StoreError
from lookalike.progress import track
from lookalike.store.collection import Collection
from lookalike.store.files import scratch_folder
from lookalike.store.manifest import FileDigest, verify_file


def verify_version(
    collection: Collection,
    version: str,
    *,
    own_only: bool = False,
    scratch: Path | None = None,
) -> tuple[int, int]:
    """Read every file of a version; give how many files and bytes were right.

    Args:
        collection: where it is.
        version: its name.
        own_only: of what it shares with earlier versions, only hold the sizes against it.
        scratch: for files of a remote store, one at a time, as of :func:`files.scratch_folder`.

    Raises:
        VersionNotFound: there is no such version.
        StoreError: a file is missing.
        DigestMismatch: a file is damaged.
    """
    files = collection.manifest(version).files
    if own_only:
        check_sizes(collection, version, [file for file in files if file.version is not None])
        files = [file for file in files if file.version is None]
    for file in track(files, "verifying"):
        if collection.local is not None:
            verify_file(collection.local / collection.place(version, file), file)
            continue
        with scratch_folder(scratch) as folder:
            collection.download(version, file, folder / "file")
    return len(files), sum(file.bytes for file in files)


def check_sizes(
    collection: Collection, version: str, files: Sequence[FileDigest] | None = None
) -> None:
    """See that a version's files are there in their length, without reading them.

    Args:
        collection: where it is.
        version: its name.
        files: those that are looked at; by default all.

    Raises:
        VersionNotFound: there is no such version.
        StoreError: a file is missing.
        DigestMismatch: a file has another length.
    """
    for file in collection.manifest(version).files if files is None else files:
        name = collection.place(version, file)
        try:
            size = collection.location.size(name)
        except FileNotFoundError as error:
            raise StoreError(f"{name}, a file of {version}, is missing") from error
        if size != file.bytes:
            raise DigestMismatch(f"{name} has {size} bytes, its manifest says {file.bytes}")
