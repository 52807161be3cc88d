"""The file of API keys: a line for each, ``NAME SCOPE[,SCOPE] SHA256 [RATE/BURST]``.

So it holds no key itself; ``lookalike api-key`` makes such lines. The service reads it, and the
doctor looks whether it can.
"""

import hashlib
import math
import os
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, get_args

import msgspec

from lookalike.errors import ConfigurationError
from lookalike.settings import Settings

OFF = "off"

Scope = Literal["search", "admin"]


class Rate(msgspec.Struct, frozen=True):
    """What a key may.

    Attributes:
        per_second: searches a second, over a longer time.
        burst: searches at once, after a pause.
    """

    per_second: float
    burst: float

    @classmethod
    def of(cls, per_second: float, burst: float | None = None) -> "Rate":
        """Give a rate; by default what comes in a second may come at once, and one always."""
        return cls(per_second, max(per_second, 1.0) if burst is None else burst)


class Key(msgspec.Struct, frozen=True):
    """A line of the file."""

    name: str
    scopes: frozenset[str]
    sha256: bytes
    rate: Rate | None = None


def keys_path(settings: Settings) -> Path | None:
    """Name the file of keys that the settings want; None: there are none, and shall be none.

    Raises:
        ConfigurationError: other machines can reach the service, and there are neither keys
            nor the word that there shall be none.
    """
    given = settings.api_keys
    if given not in ("", OFF):
        return Path(given)
    if not given and not _is_loopback(settings.bind):
        raise ConfigurationError(
            f"LOOKALIKE_API_KEYS is not set, and {settings.bind} can be reached from other "
            "machines: name a file of keys (lookalike api-key makes its lines), or say 'off': "
            "anybody may search then, and nobody may change anything"
        )
    return None


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


def line_of(name: str, scopes: list[Scope], key: str, rate: Rate | None = None) -> str:
    """Write the line of a key."""
    line = f"{name} {','.join(scopes)} {hashlib.sha256(key.encode()).hexdigest()}"
    return line if rate is None else f"{line} {rate.per_second:g}/{rate.burst:g}"


def add_line(path: Path, line: str) -> None:
    """Add the line of a key to a file, which may not be there yet; the lines in it stay.

    Raises:
        ConfigurationError: it cannot be read or written, a line of it is no key's, or it has a
            key of that name.
    """
    new = _key(line, "the new line")
    if path.exists() and new.name in {key.name for key in read_keys(path)}:
        raise ConfigurationError(f"{path} has a key called {new.name!r} already")
    try:
        with path.open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            begin = b"\n" if file.read(1) not in (b"", b"\n") else b""
            file.write(begin + f"{line}\n".encode())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def _key(line: str, where: str) -> Key:
    words = line.split()
    scopes = frozenset(words[1].split(",")) if len(words) in (3, 4) else frozenset()
    if not scopes or scopes - set(get_args(Scope)):
        raise ConfigurationError(
            f"{where} is not 'NAME search|admin|search,admin SHA256 [RATE/BURST]'"
        )
    try:
        digest = bytes.fromhex(words[2])
    except ValueError:
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise ConfigurationError(f"{where} does not have the SHA-256 of a key")
    return Key(words[0], scopes, digest, _rate(words[3], where) if len(words) == 4 else None)


def _rate(text: str, where: str) -> Rate:
    per_second, _, burst = text.partition("/")
    try:
        rate = Rate.of(float(per_second), float(burst) if burst else None)
    except ValueError:
        rate = Rate(0, 0)
    if not (0 < rate.per_second < math.inf and 1 <= rate.burst < math.inf):
        raise ConfigurationError(f"{where} does not end with a rate, as in 20/40 or 0.5")
    return rate


def _is_loopback(bind: str) -> bool:
    host = bind.rpartition(":")[0].strip("[]")
    if bind.startswith("unix:") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
