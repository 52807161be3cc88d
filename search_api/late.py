"""Additions whose record has no vector of the served model: embedded here, a few at a time.

So it is with records of another model's time, such as after a rollback. A thread of its own
does it, so that no deletion waits for the model server.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from lookalike.catalogue.storage import read_bytes
from lookalike.changes import Added, ChangeLog
from lookalike.errors import (
    LookalikeError,
    ModelServerError,
    ModelServerRejected,
    ModelServerUnavailable,
    ModelVersionUnavailable,
    NoFeatures,
)
from lookalike.picture import read_picture
from lookalike.picture.contract import Pixels
from lookalike.settings import Settings
from lookalike.vectors import Vectors
from search_api import metrics
from search_api.apart import run_aside
from search_api.serving import Serving

AT_ONCE = 8
LOOK_SECONDS = 0.5
# A model server, or a store, that is away is left alone for so long.
AWAY_SECONDS = 5.0
# One whose picture makes a model server fail that answers is passed over for so long.
ASIDE_SECONDS = 60.0
# What no later try changes; all else that reading a file raises is of the moment.
GONE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)

AWAY = (ModelServerUnavailable, ModelVersionUnavailable)

_log = logging.getLogger(__name__)


class LateEmbedding:
    """Embeds what waits for it in the version that serves.

    Args:
        log: has the pictures' bytes.
        serving: gives what serves, or None.
        settings: limits of reading.
        clock: seconds.
    """

    def __init__(
        self,
        log: ChangeLog,
        serving: Callable[[], Serving | None],
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._changes, self._serving, self._settings = log, serving, settings
        self._clock = clock
        self._aside: dict[str, float] = {}  # by record, until when

    def start(self) -> None:
        """Look for what waits from now on."""
        threading.Thread(target=self._watch, name="late-embedding", daemon=True).start()

    def embed_some(self) -> int:
        """Embed a few of those that wait, and have them found; give how many.

        One that this model can make nothing of, or whose file is gone, is told in the log, and not
        tried again: this worker would never find it. One that the model server fails at holds
        up no other.

        Raises:
            ModelServerError: the model server is away; they go on waiting.
            OSError: the store is; likewise.
        """
        serving = self._serving()
        if serving is None:
            return 0
        now = self._clock()
        self._aside = {record: until for record, until in self._aside.items() if until > now}
        waiting = run_aside(lambda: serving.index.waiting(AT_ONCE, self._aside.keys()))
        for added in waiting:
            uri = self._changes.picture_uri(added.addition)
            try:
                vector = self._vector(added, uri, serving)
            except AWAY:
                raise
            except ModelServerError as error:
                self._aside[added.record] = now + ASIDE_SECONDS
                _log.warning("the addition %r waits: %s", added.addition.id, error)
                continue
            run_aside(partial(serving.index.lay_over, added, uri, vector))
        return len(waiting)

    def _vector(self, added: Added, uri: str, serving: Serving) -> Vectors | None:
        try:
            pixels = run_aside(lambda: self._pixels(uri, serving))
            [vector] = serving.embedder.embed(pixels[np.newaxis])
            if not vector.any():
                raise NoFeatures("the model sees nothing in it")
        except (LookalikeError, *GONE) as error:
            if isinstance(error, ModelServerError) and not isinstance(error, ModelServerRejected):
                raise
            metrics.UNUSABLE.inc()
            _log.warning("the addition %r cannot be found: %s", added.addition.id, error)
            return None
        return np.asarray(vector)

    def _pixels(self, uri: str, serving: Serving) -> Pixels:
        data = read_bytes(uri, self._settings.max_body_bytes)
        limit = self._settings.max_decoded_bytes
        contract = serving.index.details.model.picture
        return read_picture(data, contract, max_decoded_bytes=limit)

    def _watch(self) -> None:
        while True:
            pause = LOOK_SECONDS
            try:
                self.embed_some()
            except ModelServerError as error:
                _log.warning("additions wait for the model server: %s", error)
                pause = AWAY_SECONDS
            except OSError as error:
                _log.warning("additions wait for the store: %s", error)
                pause = AWAY_SECONDS
            except Exception:  # noqa: BLE001  a thread that ends would leave all others waiting
                _log.exception("embedding additions failed")
                pause = AWAY_SECONDS
            time.sleep(pause)
