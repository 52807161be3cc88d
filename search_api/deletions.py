"""Deletions, picked up within a second, whatever else a replica is busy with.

A thread of its own looks at the log: while a new version is fetched and verified, which
can take minutes, deletions go on to take effect on the version that serves.
"""

import logging
import threading
import time
from collections.abc import Callable

from lookalike.changes import ChangeLog, Record
from lookalike.errors import LookalikeError, StoreError
from lookalike.index import IndexVersion
from search_api.native import run_beside

LOOK_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Deletions:
    """The records of an index's changes that this worker has seen, and their effect.

    Args:
        changes: the log.
        serving: gives the version that serves now, or None.
    """

    def __init__(self, changes: ChangeLog, serving: Callable[[], IndexVersion | None]) -> None:
        self._changes, self._serving = changes, serving
        self._records: dict[str, Record] = {}
        self._reading = threading.Lock()
        self.problem: LookalikeError | None = None

    def start(self) -> None:
        """Look at the log from now on, twice a second."""
        threading.Thread(target=self._watch, name="deletions-watcher", daemon=True).start()

    def apply(self, version: IndexVersion) -> None:
        """Bring a version up to date with the log, before it serves.

        Raises:
            StoreError: the log cannot be read; the version must not serve without it.
        """
        records = self._read()
        run_beside(lambda: version.apply(records))

    def look(self) -> None:
        """Read what is new in the log, and apply it to the version that serves."""
        records, version = self._read(), self._serving()
        if version is not None:
            run_beside(lambda: version.apply(records))

    def _note(self, problem: LookalikeError) -> None:
        if self.problem is None:
            _log.warning("deletions cannot be read: %s [%s]", problem, problem.type)
        self.problem = problem

    def _read(self) -> list[Record]:
        with self._reading:
            for record in run_beside(lambda: self._changes.records(self._records.keys())):
                self._records[record.name] = record
            return list(self._records.values())

    def _watch(self) -> None:
        while True:
            try:
                self.look()
            except LookalikeError as error:
                self._note(error)
            except Exception as error:  # noqa: BLE001  a thread that ends would miss all later ones
                self._note(StoreError(f"deletions cannot be read: {error!r}"))
            else:
                self.problem = None
            time.sleep(LOOK_SECONDS)
