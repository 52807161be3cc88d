"""What a worker holds: one published index, checked against the live model server.

A thread looks at ``CURRENT``; a new version is fetched, verified, opened and probed
beside the one that serves, and then takes its place by one assignment. Requests that
have begun keep the version that they began with.
"""

import logging
import threading
import time
from collections import defaultdict
from pathlib import Path

import msgspec

from lookalike.changes import open_changes
from lookalike.errors import LookalikeError, NothingPublished, ProbeMismatch, StoreError
from lookalike.index import IndexVersion
from lookalike.serving import RestEmbedder
from lookalike.settings import Settings
from lookalike.store import VerifiedCache, open_indexes
from search_api import metrics
from search_api.cost import Cost
from search_api.deletions import Deletions
from search_api.native import run_aside
from search_api.refusal import Refusals

# How often the live model server is asked for the probes' vectors again.
PROBE_SECONDS = 10.0
# A request that finds no index looks for one itself, unless somebody has looked just now.
LOOK_AGAIN_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Serving(msgspec.Struct, frozen=True):
    """An index version and the client of exactly the model version that it names.

    Attributes:
        costs: what kinds of work on this index take.
    """

    index: IndexVersion
    embedder: RestEmbedder
    costs: defaultdict[object, Cost] = msgspec.field(default_factory=lambda: defaultdict(Cost))


class Replica:
    """Holds the current index of one worker process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._indexes = open_indexes(settings.store, settings.index)
        self._cache = VerifiedCache(Path(settings.cache), self._indexes)
        self._serving: Serving | None = None
        self._refusals = Refusals(settings.poll_seconds)
        changes = open_changes(settings.store, settings.index)
        self._deletions = Deletions(changes, self._served_index)
        # Why CURRENT is not what is being served, and what is wrong with what is.
        self._problem: LookalikeError | None = None
        self._served_problem: LookalikeError | None = None
        self._probed = self._looked = 0.0
        self._looking = threading.Lock()

    def start(self) -> None:
        """Look for the current index now, and again every ``settings.poll_seconds``."""
        threading.Thread(target=self._watch, name="index-watcher", daemon=True).start()
        self._deletions.start()

    def serving(self) -> Serving:
        """Give what to answer a request with; where there is nothing yet, look for it first.

        So no worker answers that nothing is there when another one is serving it already.

        Raises:
            StoreError: there is no index to answer with, or the live model is not the one
                that made it.
            ModelServerUnavailable: the model server kept the first index from being checked.
        """
        if self._serving is None:
            self._look_for_the_first()
        if self._serving is None:
            raise unready(self._problem or NothingPublished("no index is loaded yet"))
        if isinstance(self._served_problem, ProbeMismatch):
            raise unready(self._served_problem)
        return self._serving

    def check_ready(self) -> Serving:
        """Give what is being served, or raise why this replica is not ready.

        Raises:
            StoreError, ModelServerUnavailable: from the last look at ``CURRENT``, the files
                and the probes.
        """
        serving = self.serving()
        problem = self._problem or self._served_problem or self._deletions.problem
        if problem is not None:
            raise unready(problem)
        return serving

    def apply_changes(self) -> None:
        """Look at the records of deletions now, instead of within half a second."""
        self._deletions.look()

    def refresh(self) -> None:
        """Look at ``CURRENT`` once: swap to a new version, and probe the one being served."""
        with self._looking:
            self._look_and_remember()

    def _served_index(self) -> IndexVersion | None:
        return self._serving.index if self._serving is not None else None

    def _look_for_the_first(self) -> None:
        with self._looking:
            recent = time.monotonic() - self._looked < LOOK_AGAIN_SECONDS
            if self._serving is None and not recent:
                self._look_and_remember()

    def _look_and_remember(self) -> None:
        try:
            self._probe_served()
            self._look()
        except LookalikeError as error:
            if str(error) != str(self._problem):
                _log.warning("not ready: %s [%s]", error, error.type)
            self._problem = error
        except Exception:
            self._problem = StoreError("looking at the current index failed; the log says how")
            raise
        else:
            self._problem = None
        finally:
            self._looked = time.monotonic()

    def _watch(self) -> None:
        while True:
            try:
                self.refresh()
            except Exception:  # noqa: BLE001  the watcher must outlive what nobody foresaw
                _log.exception("looking at the current index failed")
            time.sleep(self._settings.poll_seconds)

    def _probe_served(self) -> None:
        """Hold the served index against the live model server; a candidate's faults are its own."""
        due = self._served_problem is not None or time.monotonic() - self._probed > PROBE_SECONDS
        if self._serving is None or not due:
            return
        try:
            self._serving.index.probes.run(self._serving.embedder)
        except LookalikeError as error:
            if self._served_problem is None:
                _log.warning("the served index: %s [%s]", error, error.type)
            self._served_problem = error
        else:
            self._served_problem = None
            self._probed = time.monotonic()

    def _look(self) -> None:
        version = run_aside(self._indexes.current)
        self._refusals.check(version)
        if self._serving is not None and self._serving.index.name == version:
            return
        candidate = self._open(version)
        try:
            candidate.index.probes.run(candidate.embedder)
            self._deletions.apply(candidate.index)
        except LookalikeError:
            metrics.SWAPS.labels("refused").inc()
            _close(candidate)
            raise
        former, self._serving, self._served_problem = self._serving, candidate, None
        _note(former, candidate)
        self._deletions.look()  # what was deleted since the line before the last
        self._probed = time.monotonic()
        _log.info("serving index %s with model %s", version, candidate.index.details.model.version)
        run_aside(lambda: self._cache.keep({version}))

    def _open(self, version: str) -> Serving:
        try:
            index = run_aside(lambda: IndexVersion(version, self._cache.fetch(version)))
        except LookalikeError as error:
            # Only its files: whether the probes agree depends on the model server of the moment.
            self._refusals.remember(version, error)
            metrics.SWAPS.labels("refused").inc()
            raise
        embedder = RestEmbedder(
            self._settings.model_server_rest,
            index.details.model.address,
            timeout=self._settings.model_server_timeout,
        )
        return Serving(index, embedder)


def unready(problem: LookalikeError) -> LookalikeError:
    """Make an error of a request's own: 503, whatever kept the replica from being ready.

    A stored error that many requests raised would keep all of their frames, pictures included.
    """
    kind = type(problem) if problem.status == StoreError.status else StoreError
    return kind(str(problem))


def _note(former: Serving | None, serving: Serving) -> None:
    details = serving.index.details
    metrics.SWAPS.labels("swapped").inc()
    if former is not None:
        metrics.note_left(former.index.name, former.index.details.model.version)
    metrics.note_served(
        serving.index.name, details.model.version, details.pictures, details.recall_at_10
    )


def _close(serving: Serving) -> None:
    serving.index.close()
    serving.embedder.close()
