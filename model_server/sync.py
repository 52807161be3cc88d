"""Model versions, brought from the store into the folder that TensorFlow Serving watches.

It loads any folder whose name is a number, as soon as it sees one; it reads no bucket, and
knows no manifest. So a version is copied under another name, every file is held against its
digest, and the whole is renamed into place.

Brought are the versions that an index names, and those newer than all of these: a reindex may
be about to use them. Taken away is only what was pruned: what the store has no more and no index
names, so that a rollback finds its model as long as it finds its index. From a store that lost
all, or an index whose manifest is damaged, nothing follows.
"""

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from lookalike.catalogue.remote import failures
from lookalike.errors import DigestMismatch, LookalikeError, StoreError
from lookalike.index.models import named_models
from lookalike.store import Collection, Manifest, files
from lookalike.store.manifest import FILE_NAME

# A version that could not be brought is tried again after so long.
AGAIN_SECONDS = 60.0
GONE = ".gone-"

_log = logging.getLogger(__name__)


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """What one look changed, by version.

    Attributes:
        brought: versions that are served from now on.
        taken_away: versions that the store has no more.
        replaced: versions that are gone, and whose number is another model's in the store.
        refused: why a version could not be brought, or an index not read.
    """

    brought: list[str]
    taken_away: list[str]
    replaced: list[str]
    refused: dict[str, LookalikeError]


class ServingFolder:
    """The folder that a model server watches.

    Args:
        folder: made where it is missing.
        models: versions of one model.
        indexes: an index of the same store.
        model: the model's name.
        clock: seconds.
    """

    def __init__(
        self,
        folder: Path,
        models: Collection,
        indexes: Collection,
        model: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._models, self._indexes = folder, models, indexes
        self._model, self._clock = model, clock
        self._refused_until: dict[str, float] = {}

    def versions(self) -> list[str]:
        """Give the versions that were brought, and are there.

        A folder of a number that was not brought is somebody else's: nothing takes it away.
        """
        numbered = (path for path in self._folder.iterdir() if path.name.isdecimal())
        return sorted(path.name for path in numbered if (path / FILE_NAME).is_file())

    def sync(self) -> Synced:
        """Look at the store once, and bring and take away what is to be.

        Killed at any moment it leaves no half version under a number.

        Raises:
            LookalikeError: the store cannot be looked at; then nothing is changed.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._clear()
        here, stored = self.versions(), self._models.versions()
        damaged: list[DigestMismatch] = []
        named = named_models(self._indexes, self._model, damaged.append)
        pruned = set(here) - set(stored) - named if stored and not damaged else set()
        replaced = [version for version in here if self._differs(version)]
        taken_away = [version for version in here if version in pruned.difference(replaced)]
        for version in (*taken_away, *replaced):
            self._take_away(version)
        # Another model of a known number comes at the next look: the model server must have seen
        # the one before go.
        missing = [version for version in _wanted(stored, named) if version not in here]
        brought: list[str] = []
        refused: dict[str, LookalikeError] = {f"of {error}": error for error in damaged}
        for version in missing:
            if self._clock() < self._refused_until.get(version, 0.0):
                continue
            try:
                self._bring(version)
            except _failures() as error:
                self._refused_until[version] = self._clock() + AGAIN_SECONDS
                refused[version] = _told(error)
            else:
                brought.append(version)
        return Synced(brought=brought, taken_away=taken_away, replaced=replaced, refused=refused)

    def _differs(self, version: str) -> bool:
        """Tell whether a number stands for another model by now, as in a store made anew."""
        own = self._folder / version / FILE_NAME
        try:
            stored = self._models.manifest(version)
        except LookalikeError:  # pruned, or damaged: that one was verified, and stays
            return False
        return own.read_bytes() != stored.encode()

    def _bring(self, version: str) -> None:
        if (self._folder / version).exists():
            raise StoreError(
                f"{self._folder / version} is in its place, and was not brought from a store: "
                "move it away"
            )
        made: Manifest = self._models.manifest(version)
        with files.draft_folder(self._folder) as draft:
            for file in made.files:
                destination = files.inside(draft, file.path)
                destination.parent.mkdir(parents=True, exist_ok=True)
                self._models.download(version, file, destination)
            (draft / FILE_NAME).write_bytes(made.encode())
            files.sync_tree(draft)
            draft.rename(self._folder / version)
        files.sync(self._folder)

    def _take_away(self, version: str) -> None:
        """Rename first: the model server must not find a folder that loses its files."""
        (self._folder / version).rename(self._folder / f"{GONE}{version}")
        self._clear()

    def _clear(self) -> None:
        for path in self._folder.glob(f"{GONE}*"):
            shutil.rmtree(path, ignore_errors=True)


def keep_synced(folder: ServingFolder, seconds: float, after: Callable[[], None]) -> None:
    """Look every few seconds, for ever; the log tells what changed, and what went wrong.

    Args:
        folder: to keep as the store is.
        seconds: between two looks.
        after: is called after each look, and where it fails after the next one.
    """
    of_look = of_after = ""
    while True:
        of_look = _tried(
            lambda: log_synced(folder.sync()), "the store cannot be looked at", of_look
        )
        of_after = _tried(after, "what follows a look failed", of_after)
        time.sleep(seconds)


def sync_once(
    folder: ServingFolder, models: Collection, seconds: float, after: Callable[[], None]
) -> None:
    """Look until the folder is as the store is; the log tells what changed.

    Args:
        folder: to make as the store is.
        models: of the store.
        seconds: between two looks, where a model server must see the model before go.
        after: is called after each look.

    Raises:
        LookalikeError: the store cannot be looked at, has no version, or one was refused.
    """
    models.latest()  # raises where there is none: a mistyped store looks like that
    while True:
        synced = folder.sync()
        log_synced(synced)
        after()
        for error in synced.refused.values():
            raise error
        if not synced.replaced:
            return
        time.sleep(seconds)


def _tried(step: Callable[[], None], failed: str, told: str) -> str:
    """Take a step of a look, and give its problem: told in the log unless it was, "" for none."""
    try:
        step()
    except _failures() as error:
        if str(error) != told:
            _log.warning("%s: %s", failed, _told(error))
        return str(error)
    return ""


def log_synced(synced: Synced) -> None:
    """Tell what one look changed."""
    for version in synced.taken_away:
        _log.info("version %s was taken away: the store has it no more", version)
    for version in synced.replaced:
        _log.info("version %s was taken away: its number is another model's in the store", version)
    for version in synced.brought:
        _log.info("version %s is there, every file as its manifest says", version)
    for version, error in synced.refused.items():
        _log.error("version %s is left out: %s [%s]", version, error, error.type)


def _wanted(stored: list[str], named: set[str]) -> list[str]:
    """Choose what is to be served: what is named, and what is newer; the newest where nothing is.

    Args:
        stored: versions, oldest first.
        named: by indexes.
    """
    known = [version for version in stored if version in named]
    newest = stored[-1:] if not known else stored[stored.index(known[-1]) + 1 :]
    return [*known, *newest]


def _failures() -> tuple[type[Exception], ...]:
    """Give what a look may fail with: the next one may find the store where it was."""
    return (LookalikeError, *failures())


def _told(error: Exception) -> LookalikeError:
    return error if isinstance(error, LookalikeError) else LookalikeError(str(error))
