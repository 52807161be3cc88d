"""Taking old versions away, and nothing that a version which stays still needs.

A version's manifest goes first: from then on it is not there. Files that a later version
shares stay; so does whatever may be another process's upload under way.
"""

import time
from collections.abc import Iterable

from lookalike.store.collection import Collection, made_at
from lookalike.store.manifest import FILE_NAME
from lookalike.store.publishing import publishing

# A folder without a manifest may be an upload under way; after a day it is none.
UPLOAD_SECONDS = 86_400.0


def prune(collection: Collection, keep: int, spare: Iterable[str] = ()) -> list[str]:
    """Remove all complete versions but the newest ``keep``, the current one and ``spare``.

    Gives the names of those removed. A run that is killed leaves files without a manifest,
    which the next run removes once they are a day old. Where there is no version, nothing is
    made either, such as a lock.
    """
    if not collection.versions():
        return []
    with publishing(collection.location) as still_held:
        versions = collection.versions()
        kept = {*versions[max(0, len(versions) - keep) :], *spare}
        current = collection.current_or_none()
        if current is not None:
            kept.add(current)
        needed = _needed(collection, kept)
        removed = [version for version in versions if version not in kept]
        for version in removed:
            still_held()
            collection.location.remove(f"{version}/{FILE_NAME}")
        remains = _remains(collection, kept | set(versions))
    # Without the lock, since it may take long; what is removed here is no version any more.
    for version in [*removed, *remains]:
        _remove_files(collection, version, needed)
    return removed


def _needed(collection: Collection, kept: Iterable[str]) -> set[str]:
    """Name every file that a kept version has, in whichever folder it lies.

    Raises:
        StoreError: the manifest of one of them cannot be read; then nothing is removed.
    """
    return {
        collection.place(version, file)
        for version in kept
        for file in collection.manifest(version).files
    }


def _remains(collection: Collection, versions: set[str]) -> list[str]:
    """Name the folders of versions without a manifest that are too old to be an upload."""
    folders = {name.split("/")[0] for name in collection.location.names("*/*")}
    return sorted(name for name in folders - versions if _age(name) > UPLOAD_SECONDS)


def _age(version: str) -> float:
    """Read a version's age in seconds from its name; 0 where the name tells no time."""
    made = made_at(version)
    return 0.0 if made is None else time.time() - made


def _remove_files(collection: Collection, version: str, needed: set[str]) -> None:
    names = collection.location.files(version)
    if not needed.intersection(names):
        collection.location.remove(version)
        return
    for name in names:
        if name not in needed:
            collection.location.remove(name)
