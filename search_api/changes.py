"""Deletions and additions, picked up within a second, whatever else a replica is busy with.

A thread of its own looks at the log: while a new version is fetched and verified, which
can take minutes, changes go on to take effect on the version that serves.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from lookalike.catalogue.remote import failures
from lookalike.changes import ChangeLog
from lookalike.errors import LookalikeError, StoreError
from lookalike.index import IndexVersion
from search_api import metrics
from search_api.apart import run_changing
from search_api.store_away import away, words

LOOK_SECONDS = 0.5
# A look that takes longer is told of: many new records take a while, a store that hangs for ever.
LONG_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Changes:
    """Brings versions up to date with the log of an index's changes.

    Args:
        log: of the changes.
        versions: gives the version that serves, and the one that is to serve next; where
            there is none, nothing.
    """

    def __init__(self, log: ChangeLog, versions: Callable[[], Sequence[IndexVersion]]) -> None:
        self._changes, self._versions = log, versions
        self._problem: LookalikeError | None = None
        self._passed_over = 0
        self._begun: float | None = None

    def start(self) -> None:
        """Look at the log from now on, twice a second."""
        threading.Thread(target=self._watch, name="changes-watcher", daemon=True).start()

    @property
    def problem(self) -> LookalikeError | None:
        """Why changes are not taken in: the last look failed, or the one of now does not end."""
        return self._problem or self._unending()

    def _unending(self) -> StoreError | None:
        begun = self._begun
        taken = 0.0 if begun is None else time.monotonic() - begun
        if taken < LONG_SECONDS:
            return None
        return StoreError(f"reading the changes has taken {taken:.0f} s so far: the store is slow")

    def look(self) -> None:
        """Apply what is new in the log.

        Raises:
            StoreError: it cannot be read; a version that is to serve must not without it.
        """
        for version in self._versions():
            try:
                run_changing(partial(version.apply, self._changes))
            except failures() as error:
                raise away(error, "the changes cannot be read") from error
        served = self._versions()[:1]
        metrics.PICTURES.set(sum(version.findable for version in served))
        metrics.ADDED.set(sum(version.added for version in served))
        self._tell(sum(version.passed_over for version in served))

    def _tell(self, passed_over: int) -> None:
        if passed_over > self._passed_over:
            _log.warning(
                "%d additions cannot be found until lookalike reindex takes them in: there are too "
                "many since the served index was built",
                passed_over,
            )
        self._passed_over = passed_over

    def _note(self, problem: LookalikeError) -> None:
        if self._problem is None:
            why = f" ({words(problem.__cause__)})" if problem.__cause__ else ""
            _log.warning("changes cannot be read: %s [%s]%s", problem, problem.type, why)
        self._problem = problem

    def _watch(self) -> None:
        while True:
            self._begun = time.monotonic()
            try:
                self.look()
            except LookalikeError as error:
                self._note(error)
            except Exception as error:  # noqa: BLE001  a thread that ends would miss all later ones
                self._note(StoreError(f"changes cannot be read: {error!r}"))
            else:
                self._problem = None
            self._begun = None
            time.sleep(LOOK_SECONDS)
