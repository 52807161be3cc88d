"""Where requests go to, and their bytes."""

import json
import secrets
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, urlsplit

from lookalike.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}


class Target:
    """A search service.

    Args:
        url: its address, such as ``https://search.example.org/lookalike``.
        key: an API key of it.

    Attributes:
        host, port: where to connect to.
        secure: by TLS.
        hit: id of a picture of its index, once one is known.

    Raises:
        ConfigurationError: the URL is none of HTTP, or the key none that a header can have.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        address = urlsplit(url)
        if address.scheme not in _PORTS or not address.hostname or not _has_port(address):
            raise ConfigurationError(f"{url!r} is no http:// or https:// URL of a service")
        if key is not None and not (key.isascii() and key.isprintable()):
            raise ConfigurationError("--key is none that 'lookalike api-key' makes")
        self.host, self.port = address.hostname, address.port or _PORTS[address.scheme]
        self.secure = address.scheme == "https"
        self._path, self._authority = address.path.rstrip("/"), address.netloc.rpartition("@")[2]
        self._key = key
        self.hit = "nothing"
        self._bottom = 1 - 1e-12 * secrets.randbelow(1_000_000)

    @property
    def search(self) -> str:
        """The path of a search by a whole picture that is not answered from memory.

        A service remembers the vectors of pictures and boxes. This box ends within the last
        row of pixels, and at another place for each target.
        """
        box = f'{{"left":0,"top":0,"right":1,"bottom":{self._bottom}}}'
        return f"/search?k=1&box={quote(box)}"

    @property
    def explanation(self) -> str:
        """The path that has a picture compared with a picture of the index."""
        return f"/explain?hits={quote(json.dumps([self.hit]))}"

    def head(self, method: str, path: str, headers: Mapping[str, str | int] | None = None) -> bytes:
        """Write a request's line and headers: those that each needs, and more."""
        lines = [f"{method} {self._path}{path} HTTP/1.1", f"Host: {self._authority}"]
        lines += ["Connection: close"]
        if self._key is not None:
            lines.append(f"Authorization: Bearer {self._key}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return "\r\n".join([*lines, "\r\n"]).encode("latin-1")

    def request(self, method: str, path: str, media_type: str, body: bytes) -> bytes:
        """Write a whole request."""
        headers: dict[str, str | int] = {"Content-Type": media_type, "Content-Length": len(body)}
        return self.head(method, path, headers) + body


def _has_port(address: SplitResult) -> bool:
    try:
        return address.port != 0
    except ValueError:  # it is no number, or a larger one than ports have
        return False
