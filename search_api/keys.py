"""API keys: who may search, and who may change what is found.

Their file (lookalike/key_file.py) is looked at again once a second, by a thread of its own:
no request waits for the disk that it is on.
"""

import hashlib
import hmac
import logging
import threading
import time
from functools import partial
from pathlib import Path

from werkzeug.datastructures import Headers

from lookalike.errors import ConfigurationError, MissingKey, MissingScope
from lookalike.key_file import OFF, Key, Rate, Scope, keys_path, read_keys
from lookalike.settings import Settings
from search_api.apart import run_keying
from search_api.rates import Rates

LOOK_SECONDS = 1.0
BEARER = "bearer "

_log = logging.getLogger(__name__)


class Keys:
    """The keys of a file, as it is now.

    Args:
        path: the file; None: there are no keys.
        open_to_all: what everybody may do without one.
        rates: counts their searches.
        usual: how fast a key without a rate of its own may search; None: as it likes.

    Raises:
        ConfigurationError: the file cannot be read, or a line of it.
    """

    def __init__(
        self,
        path: Path | None,
        open_to_all: frozenset[Scope] = frozenset(),
        rates: Rates | None = None,
        usual: Rate | None = None,
    ) -> None:
        self._path, self._problem = path, ""
        self._rates, self._usual = rates or Rates(), usual
        self._open_to_all = open_to_all
        self._keys = [] if path is None else read_keys(path)
        self._emptied = False

    @classmethod
    def of(cls, settings: Settings) -> "Keys":
        """Open the keys that the settings name.

        Raises:
            ConfigurationError: other machines can reach the service, and there are neither
                keys nor the word that there shall be none.
        """
        path = keys_path(settings)
        if path is None and settings.api_keys == OFF:
            return cls(None, frozenset({"search"}))
        if path is None:
            return cls(None, frozenset({"search", "admin"}))
        usual = Rate.of(settings.key_rate) if settings.key_rate else None
        return cls(path, rates=Rates(settings.workers), usual=usual)

    def start(self) -> None:
        """Look at the file from now on, once a second."""
        if self._path is not None:
            threading.Thread(target=self._watch, name="keys-watcher", daemon=True).start()

    @property
    def open_to_all(self) -> frozenset[Scope]:
        """What everybody may do without a key."""
        return self._open_to_all

    def check(self, headers: Headers, scope: Scope) -> Key | None:
        """Give the key of a request, which has a scope; None: this takes none.

        Raises:
            MissingKey: it has no key, or one that is not among these.
            MissingScope: its key may not do this.
        """
        if scope in self._open_to_all:
            return None
        if self._path is None:
            raise MissingKey("a service without API keys (LOOKALIKE_API_KEYS) changes nothing")
        key = self._find(_given(headers))
        if key is None:
            raise MissingKey(
                "send a key of this service as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"
            )
        if scope not in key.scopes:
            raise MissingScope(f"this takes a key with the scope {scope!r}")
        return key

    def spend(self, key: Key | None, searches: float = 1) -> None:
        """Count the searches of a request with a key.

        Raises:
            RateLimited: the key may not make so many yet.
        """
        rate = None if key is None else key.rate or self._usual
        if key is not None and rate is not None:
            self._rates.spend(key.sha256, rate, searches)

    def _find(self, given: str) -> Key | None:
        digest, found = hashlib.sha256(given.encode()).digest(), None
        for key in self._keys:  # all of them, so that the time tells nothing
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def look(self) -> None:
        """Read the file again; while it cannot be read, the keys stay as they were."""
        if self._path is None:
            return
        try:
            keys = run_keying(partial(read_keys, self._path))
        except ConfigurationError as error:
            self._tell(str(error))
            return
        self._problem = ""
        # An editor may be writing it: what is empty is so at two looks before it counts.
        self._emptied = not keys and bool(self._keys) and not self._emptied
        if not self._emptied:
            self._keys = keys

    def _tell(self, problem: str) -> None:
        if problem != self._problem:
            _log.warning("the API keys stay as they were: %s", problem)
        self._problem = problem

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                self.look()
            except Exception:  # noqa: BLE001  a thread that ends would revoke no key any more
                _log.exception("looking at the API keys failed")


def _given(headers: Headers) -> str:
    bearer = headers.get("Authorization", "")
    if bearer.lower().startswith(BEARER):
        return bearer[len(BEARER) :].strip()
    return headers.get("X-API-Key", "")
