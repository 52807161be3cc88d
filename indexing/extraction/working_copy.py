"""Where a part's ledger is: in a local store itself, or a working copy of a remote one's.

SQLite writes to a disk. Of a remote ledger a copy is worked on, and uploaded now and then:
a job that loses its disk does again what it did since the last upload, without embedding
again what the features have.
"""

import hashlib
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from indexing.extraction.ledger import Ledger
from indexing.extraction.ledger_file import LOCK_SECONDS, in_use
from indexing.extraction.parts import Part
from lookalike.index import ModelReference
from lookalike.store import Location
from lookalike.store.files import exclusive
from lookalike.storing import room_needed

PATTERN = "part-*-of-*.sqlite"
UPLOAD_SECONDS = 60.0
# Uploading takes at most a twentieth of the time.
UPLOAD_SHARE = 20


def ledgers_location(store: str, index: str, model: ModelReference) -> Location:
    """Say where the ledgers of an index and a model are."""
    return Location(f"{store}/ledgers/{index}/{model.name}-{model.tag}")


def file_name(part: Part) -> str:
    """Name the file of a part."""
    return f"part-{part.number}-of-{part.of}.sqlite"


def part_of(name: str) -> Part | None:
    """Read a part from its file's name; None for another file."""
    found = re.fullmatch(r"part-(\d+)-of-(\d+)\.sqlite", name)
    if found is None or int(found[1]) >= int(found[2]):
        return None
    return Part(int(found[1]), int(found[2]))


class WorkingCopy:
    """A part's ledger on this machine's disk, and its upload where the store is elsewhere.

    To be closed, as no other process of this machine gets the working copy before that.

    Args:
        location: of the ledgers.
        part: whose ledger it is.
        scratch: local folder for working copies, of any stores, indexes and models.
        clock: gives seconds.

    Raises:
        StoreError: another process has the working copy.
    """

    def __init__(
        self,
        location: Location,
        part: Part,
        scratch: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._location, self._name, self._clock = location, file_name(part), clock
        self._remote = location.local is None
        folder = location.local or scratch / hashlib.sha256(location.root.encode()).hexdigest()[:16]
        self.path = folder / self._name
        self._held = ExitStack()
        if self._remote:
            self._held.enter_context(exclusive(self.path.with_suffix(".lock"), self._patience()))
            self._download()
        self._due = clock() + UPLOAD_SECONDS

    def checkpoint(self, ledger: Ledger) -> None:
        """Upload the ledger where it is time to; its run goes on."""
        if not self._remote or self._clock() < self._due:
            return
        started = self._clock()
        with tempfile.TemporaryDirectory(dir=self.path.parent) as folder:
            copy = Path(folder) / self._name
            ledger.copy(copy)
            self._upload(copy)
        spent = self._clock() - started
        self._due = self._clock() + max(UPLOAD_SECONDS, UPLOAD_SHARE * spent)

    def finish(self) -> None:
        """Upload the closed ledger of a finished run."""
        if self._remote:
            self._upload(self.path)

    def close(self) -> None:
        """Let the next process have the working copy."""
        self._held.close()

    def _patience(self) -> Callable[[], None]:
        """Wait for another process as long as for one that has a local ledger."""
        begun = time.monotonic()

        def ask() -> None:
            if time.monotonic() - begun > LOCK_SECONDS:
                raise in_use(self.path)

        return ask

    def _download(self) -> None:
        # What is there was left by another run, on whichever machine: the store's copy counts.
        for stale in self.path.parent.glob(f"{self._name}*"):
            stale.unlink()
        if self._location.names(self._name):
            with room_needed(str(self.path.parent)):
                self._location.download(self._name, self.path)

    def _upload(self, path: Path) -> None:
        with room_needed(self._location.root):
            self._location.upload(path, self._name)
