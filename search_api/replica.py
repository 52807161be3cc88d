"""What a worker holds: one published index, checked against the live model server.

A thread looks at ``CURRENT``; a new version is fetched, verified, opened and probed
beside the one that serves, and then takes its place by one assignment. Requests that
have begun keep the version that they began with.
"""

import logging
import threading
import time
from pathlib import Path

from lookalike.catalogue.remote import failures
from lookalike.changes import open_changes
from lookalike.errors import (
    DigestMismatch,
    LookalikeError,
    NothingPublished,
    ProbeMismatch,
    StoreError,
)
from lookalike.index import IndexVersion
from lookalike.serving import RestEmbedder
from lookalike.settings import Settings
from lookalike.store import VerifiedCache, open_indexes
from search_api import metrics
from search_api.apart import run_aside
from search_api.changes import Changes
from search_api.late import LateEmbedding
from search_api.refusal import Refusals
from search_api.serving import Serving
from search_api.store_away import away, words

# How often the live model server is asked for a probe's vector again.
PROBE_SECONDS = 10.0
# A request that finds no index has the watcher look, unless it has looked just now, and waits for
# a moment: an index that was published is opened by then, unless much of it has to be copied.
LOOK_AGAIN_SECONDS, FIRST_LOOK_SECONDS = 1.0, 5.0
# Whoever asks a worker that has just begun whether it is ready waits for its first look: beside
# others that serve, it takes over an open index, and nobody is to take the service for unready.
READY_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Replica:
    """Holds the current index of one worker process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._indexes = open_indexes(settings.store, settings.index)
        self._cache = VerifiedCache(Path(settings.cache), self._indexes)
        self._serving: Serving | None = None
        self._refusals = Refusals(settings.poll_seconds)
        changes = self._log = open_changes(settings.store, settings.index)
        self._next: IndexVersion | None = None  # known to be good, and about to serve
        self._changes = Changes(changes, self._versions)
        self._late = LateEmbedding(changes, lambda: self._serving, settings)
        # Why CURRENT is not what is being served, and what is wrong with what is.
        self._problem: LookalikeError | None = None
        self._served_problem: LookalikeError | None = None
        self._probed = self._looked = 0.0
        self._wanted = threading.Event()  # a look, now
        self._has_looked = threading.Condition()

    def start(self) -> None:
        """Look for the current index now, and again every ``settings.poll_seconds``."""
        threading.Thread(target=self._watch, name="index-watcher", daemon=True).start()
        self._changes.start()
        self._late.start()

    def serving(self) -> Serving:
        """Give what to answer a request with; where there is nothing yet, have it looked for first.

        So no worker answers that nothing is there when another one is serving it already.

        Raises:
            StoreError: there is no index to answer with, or the live model is not the one
                that made it.
            ModelServerUnavailable: the model server kept the first index from being checked.
        """
        if self._serving is None:
            self._await_a_look(FIRST_LOOK_SECONDS)
        return self._served()

    @property
    def serving_or_none(self) -> Serving | None:
        """What requests are answered with now; None where there is nothing yet."""
        return self._serving

    def check_ready(self) -> Serving:
        """Give what is being served, or raise why this replica can answer nothing.

        At once, but for a moment in which it looks for the first time. What keeps it only from
        something newer is :attr:`problem`: all replicas share that, and would all be taken out
        of service at once while each of them answers.

        Raises:
            StoreError, ModelServerUnavailable: from the last look at ``CURRENT``, the files
                and the probes.
        """
        if not self._looked:
            self._await_a_look(READY_SECONDS)
        return self._served()

    @property
    def problem(self) -> LookalikeError | None:
        """What was wrong at the last looks, while this replica answers all the same.

        A version that was refused, a model server that is away (searches by id and by vector
        go on), a record of changes that cannot be read.
        """
        return self._problem or self._served_problem or self._changes.problem

    def apply_changes(self) -> None:
        """Look at the records of changes now, instead of within half a second."""
        self._changes.look()

    def refresh(self) -> None:
        """Look at ``CURRENT`` once: swap to a new version, and probe the one being served.

        The watcher's; no two may look at once.
        """
        try:
            self._look_and_remember()
        finally:
            with self._has_looked:
                self._has_looked.notify_all()

    def _versions(self) -> list[IndexVersion]:
        """Give what serves and what is about to, which must miss no change that was told of."""
        served = self._serving.index if self._serving is not None else None
        return [version for version in (served, self._next) if version is not None]

    def _served(self) -> Serving:
        if self._serving is None:
            raise unready(
                self._problem
                or NothingPublished("no index is loaded yet: 'lookalike reindex' publishes one")
            )
        if isinstance(self._served_problem, ProbeMismatch):
            raise unready(self._served_problem)
        return self._serving

    def _await_a_look(self, seconds: float) -> None:
        with self._has_looked:
            if time.monotonic() - self._looked < LOOK_AGAIN_SECONDS:
                return
            self._wanted.set()
            self._has_looked.wait(seconds)

    def _look_and_remember(self) -> None:
        try:
            self._probe_served()
            self._look()
        except LookalikeError as error:
            self._remember(error)
        except failures() as error:
            # Of the store, or of the cache on this machine's disk: no version is refused for it.
            self._remember(away(error, "the current index cannot be looked at"), error)
        except Exception:
            self._problem = StoreError("looking at the current index failed; the log says how")
            raise
        else:
            self._problem = None
        finally:
            self._looked = time.monotonic()

    def _remember(self, problem: LookalikeError, cause: Exception | None = None) -> None:
        if str(problem) != str(self._problem):
            why = "" if cause is None else f" ({words(cause)})"
            _log.warning("the current index: %s [%s]%s", problem, problem.type, why)
        self._problem = problem

    def _watch(self) -> None:
        while True:
            try:
                self.refresh()
            except Exception:  # noqa: BLE001  the watcher must outlive what nobody foresaw
                _log.exception("looking at the current index failed")
            self._wanted.wait(self._settings.poll_seconds)
            self._wanted.clear()

    def _probe_served(self) -> None:
        """Hold the served index against the live model server; a candidate's faults are its own."""
        due = self._served_problem is not None or time.monotonic() - self._probed > PROBE_SECONDS
        if self._serving is None or not due:
            return
        try:
            probes, embedder = self._serving.index.probes, self._serving.embedder
            if self._served_problem is None:
                probes.run_one(embedder)  # each worker of each replica asks, as long as it lives
            else:
                probes.run(embedder)
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
            self._bring_up_to_date(candidate.index)
        except Exception:
            self._next = None
            metrics.SWAPS.labels("refused").inc()
            _close(candidate)
            raise
        former, self._serving, self._served_problem = self._serving, candidate, None
        self._next = None
        _note(former, candidate)
        self._probed = time.monotonic()
        _log.info("serving index %s with model %s", version, candidate.index.details.model.version)
        run_aside(lambda: self._cache.keep({version}))

    def _bring_up_to_date(self, candidate: IndexVersion) -> None:
        """Apply all changes to what is to serve.

        Reading many takes a while, and holds up nothing else. From then on every look at the
        log takes the candidate along, and the last one here has what came between: so that
        nothing that somebody was told is done is undone for a moment by the swap.

        Raises:
            StoreError: the log cannot be read.
        """
        run_aside(lambda: candidate.apply(self._log))
        self._next = candidate
        self._changes.look()

    def _open(self, version: str) -> Serving:
        try:
            index = run_aside(lambda: _opened(version, self._cache.fetch(version)))
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


def _opened(version: str, folder: Path) -> IndexVersion:
    """Open a version whose files are what its manifest says.

    Raises:
        DigestMismatch: they are no index all the same; whatever the libraries make of that.
        OSError: this machine's, of the moment: of too many open files, or a copy that is gone.
    """
    try:
        opened = IndexVersion(version, folder)
        opened.pictures.warm()
    except (LookalikeError, OSError):
        raise
    except Exception as error:
        _log.warning("version %s cannot be opened", version, exc_info=True)
        said = f"version {version} cannot be opened ({type(error).__name__}); the log says more"
        raise DigestMismatch(said) from error
    return opened


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
        serving.index.name, details.model.version, serving.index.findable, details.recall_at_10
    )


def _close(serving: Serving) -> None:
    serving.index.close()
    serving.embedder.close()
