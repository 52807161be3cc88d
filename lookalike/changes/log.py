"""The log of one index's changes, in the store."""

import hashlib
import re
import time
from collections.abc import Collection, Sequence
from uuid import uuid4

from lookalike.changes.record import Addition, Change, Record, decode_record, now
from lookalike.store import Location

SUFFIX = ".json"
# Every record's name is so. Whatever else somebody put there, such as an editor's copy, was
# never one, and nothing that was asked for is lost where it is passed over.
NAME = re.compile(rf"[0-9]+-[0-9a-f]+{re.escape(SUFFIX)}")
PICTURES = "pictures"


class ChangeLog:
    """Appends and reads records; any number of processes may do so at once.

    Args:
        location: the index's folder below ``requests/`` of the store.
    """

    def __init__(self, location: Location) -> None:
        self._location = location

    def append(self, change: Change) -> Record:
        """Write a change down; once this returns it is durable.

        It comes after all records that are there, whatever the clocks of their writers said.
        """
        newest = max((int(name.partition("-")[0]) for name in self.names()), default=0)
        name = f"{max(time.time_ns(), newest + 1):020d}-{uuid4().hex[:12]}{SUFFIX}"
        record = Record(name, now(), change)
        self._location.write(name, record.encode())
        return record

    def put_picture(self, data: bytes) -> str:
        """Keep the bytes of a picture that is to be added; give their SHA-256."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._location.write(f"{PICTURES}/{sha256}", data)
        return sha256

    def picture_uri(self, addition: Addition) -> str:
        """Say where an added picture's bytes are."""
        return self._location.uri(f"{PICTURES}/{addition.sha256}")

    def names(self) -> list[str]:
        """Name all records, oldest first."""
        return [name for name in self._location.names(f"*{SUFFIX}") if NAME.fullmatch(name)]

    def read(self, names: Sequence[str]) -> list[Record]:
        """Read records by name.

        Raises:
            StoreError: one of them is damaged.
        """
        return [decode_record(self._location.read(n), self._location.path(n)) for n in names]

    def records(self, known: Collection[str] = ()) -> list[Record]:
        """Read all records but those already ``known`` by name, oldest first."""
        return self.read([name for name in self.names() if name not in known])


def open_changes(store: str, index: str) -> ChangeLog:
    """Open the log of an index's changes."""
    return ChangeLog(Location(f"{store}/requests/{index}"))
