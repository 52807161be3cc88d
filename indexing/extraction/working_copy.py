"""Where a part's ledger is: in a local store itself, or a working copy of a remote one's.

SQLite writes to a disk. Of a remote ledger a copy is worked on, and uploaded now and then:
a job that loses its disk does again what it did since the last upload, without embedding
again what the features have.
"""

import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from indexing.extraction.features import WEIGHTS_DIGITS
from indexing.extraction.ledger import Ledger
from indexing.extraction.parts import Part
from lookalike.index import ModelReference
from lookalike.store import Location
from lookalike.storing import room_needed

PATTERN = "part-*-of-*.sqlite"
UPLOAD_SECONDS = 60.0
# Uploading takes at most a twentieth of the time.
UPLOAD_SHARE = 20


def ledgers_location(store: str, index: str, model: ModelReference) -> Location:
    """Say where the ledgers of an index and a model are."""
    name = f"{model.name}-{model.version}-{model.weights_sha256[:WEIGHTS_DIGITS]}"
    return Location(f"{store}/ledgers/{index}/{name}")


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

    Args:
        location: of the ledgers.
        part: whose ledger it is.
        scratch: local folder for working copies.
        clock: gives seconds.
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
        self.path = (location.local or scratch) / self._name
        if self._remote:
            self._download(scratch)
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

    def _download(self, scratch: Path) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        # What is there was left by another run, on whichever machine: the store's copy counts.
        for stale in scratch.glob(f"{self._name}*"):
            stale.unlink()
        if self._location.names(self._name):
            with room_needed(str(scratch)):
                self._location.download(self._name, self.path)

    def _upload(self, path: Path) -> None:
        with room_needed(self._location.root):
            self._location.upload(path, self._name)
