"""API keys: who may search, and who may change what is found.

The file has a line for each key, ``NAME SCOPE[,SCOPE] SHA256``, so that it holds no key
itself; ``lookalike api-key`` makes such lines. It is looked at again once a second.
"""

import hashlib
import hmac
import logging
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, get_args

import msgspec
from werkzeug.datastructures import Headers

from lookalike.errors import ConfigurationError, MissingKey, MissingScope
from lookalike.settings import Settings
from search_api.native import run_beside

Scope = Literal["search", "admin"]
OFF = "off"
LOOK_SECONDS = 1.0
BEARER = "bearer "

_log = logging.getLogger(__name__)


class Key(msgspec.Struct, frozen=True):
    """A line of the file."""

    name: str
    scopes: frozenset[str]
    sha256: bytes


class Keys:
    """The keys of a file, as it is now.

    Args:
        path: the file; None: there are no keys.
        open_to_all: what everybody may do without one.

    Raises:
        ConfigurationError: the file cannot be read, or a line of it.
    """

    def __init__(self, path: Path | None, open_to_all: frozenset[Scope] = frozenset()) -> None:
        self._path, self._looked = path, time.monotonic()
        self._open_to_all = open_to_all
        self._keys = [] if path is None else read_keys(path)

    @classmethod
    def of(cls, settings: Settings) -> "Keys":
        """Open the keys that the settings name.

        Raises:
            ConfigurationError: other machines can reach the service, and there are neither
                keys nor the word that there shall be none.
        """
        given = settings.api_keys
        if given == OFF:
            return cls(None, frozenset({"search"}))
        if not given and _is_loopback(settings.bind):
            return cls(None, frozenset({"search", "admin"}))
        if not given:
            raise ConfigurationError(
                f"LOOKALIKE_API_KEYS is not set, and {settings.bind} can be reached from other "
                "machines: name a file of keys (lookalike api-key makes its lines), or say 'off': "
                "anybody may search then, and nobody may change anything"
            )
        return cls(Path(given))

    @property
    def open_to_all(self) -> frozenset[Scope]:
        """What everybody may do without a key."""
        return self._open_to_all

    def check(self, headers: Headers, scope: Scope) -> None:
        """See that a request comes with a key that has a scope.

        Raises:
            MissingKey: it has no key, or one that is not among these.
            MissingScope: its key may not do this.
        """
        if scope in self._open_to_all:
            return
        if self._path is None:
            raise MissingKey("a service without API keys (LOOKALIKE_API_KEYS) changes nothing")
        self._look_again(self._path)
        key = self._find(_given(headers))
        if key is None:
            raise MissingKey(
                "send a key of this service as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"
            )
        if scope not in key.scopes:
            raise MissingScope(f"this takes a key with the scope {scope!r}")

    def _find(self, given: str) -> Key | None:
        digest, found = hashlib.sha256(given.encode()).digest(), None
        for key in self._keys:  # all of them, so that the time tells nothing
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def _look_again(self, path: Path) -> None:
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            self._keys = run_beside(lambda: read_keys(path))
        except ConfigurationError as error:
            _log.warning("the API keys stay as they were: %s", error)


def read_keys(path: Path) -> list[Key]:
    """Read a file of keys.

    Raises:
        ConfigurationError: it cannot be read, or a line of it.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the API keys in {path} cannot be read: {error}") from error
    numbered = enumerate(lines, start=1)
    return [
        _key(line, f"{path}, line {number}")
        for number, line in numbered
        if line.strip() and not line.startswith("#")
    ]


def line_of(name: str, scopes: list[Scope], key: str) -> str:
    """Write the line of a key."""
    return f"{name} {','.join(scopes)} {hashlib.sha256(key.encode()).hexdigest()}"


def _key(line: str, where: str) -> Key:
    words = line.split()
    scopes = frozenset(words[1].split(",")) if len(words) == 3 else frozenset()
    if not scopes or scopes - set(get_args(Scope)):
        raise ConfigurationError(f"{where} is not 'NAME search|admin|search,admin SHA256'")
    try:
        digest = bytes.fromhex(words[2])
    except ValueError:
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise ConfigurationError(f"{where} does not end with the SHA-256 of a key")
    return Key(words[0], scopes, digest)


def _given(headers: Headers) -> str:
    bearer = headers.get("Authorization", "")
    if bearer.lower().startswith(BEARER):
        return bearer[len(BEARER) :].strip()
    return headers.get("X-API-Key", "")


def _is_loopback(bind: str) -> bool:
    host = bind.rpartition(":")[0].strip("[]")
    if bind.startswith("unix:") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
