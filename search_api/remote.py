"""A search's URL, taken apart strictly, and the hosts that such URLs may name. Pure.

Programs read odd URLs differently, and one that is checked by one reading and fetched by
another leads anywhere. So a URL is of one plain form here, and what is not is refused.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import msgspec

from lookalike.errors import ConfigurationError, UrlNotAllowed
from search_api.addresses import Address

SETTING = "LOOKALIKE_URL_HOSTS"
PORTS: Final = {"http": 80, "https": 443}
# ASCII without spaces, and without the backslash that some take for a slash.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[^/?#:@\[\]]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!-\"$-\[\]-~]*|\?[!-\"$-\[\]-~]*)?(#[!-\[\]-~]*)?",
    re.ASCII | re.IGNORECASE,
)
_RULE = re.compile(r"(?P<any>\*\.)?(?P<host>[^\[\]:*]+|\[[^\[\]]+\]|\*)(:(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# A last label of this form makes of the whole an IPv4 address (WHATWG URL, 3.5).
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
MOST_NAME = 253
MOST_PORT = 65535


class Target(msgspec.Struct, frozen=True):
    """What a URL names.

    Attributes:
        scheme: ``http`` or ``https``.
        host: a name or an IP address, in lower case, without brackets or a last dot.
        port: of TCP.
        path: with the query, without the fragment.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host, and the port where it is not the scheme's own, as in a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


class _Rule(msgspec.Struct, frozen=True):
    """Hosts of an allow-list: one, all below one, or all; of some port, or of the usual ones."""

    host: str
    below: bool
    port: int | None

    def admits(self, target: Target) -> bool:
        if target.port not in (PORTS.values() if self.port is None else (self.port,)):
            return False
        if self.below:
            return target.host.endswith(f".{self.host}")
        return self.host in ("*", target.host)


class Hosts(msgspec.Struct, frozen=True):
    """The hosts that a search's URL may name."""

    rules: tuple[_Rule, ...]

    @classmethod
    def of(cls, listed: str) -> "Hosts":
        """Read an allow-list, as the setting has it.

        Raises:
            ConfigurationError: a part of it is no host.
        """
        return cls(tuple(_rule(part.strip()) for part in listed.split(",") if part.strip()))

    def target(self, url: str) -> Target:
        """Take a URL apart.

        Raises:
            UrlNotAllowed: it is not of the form that is read here, or its host is not listed.
        """
        if not self.rules:
            raise UrlNotAllowed(f"searches by url are off here; {SETTING} lists hosts to allow")
        target = _target(url)
        if not any(rule.admits(target) for rule in self.rules):
            raise UrlNotAllowed(f"the url's host, or its port, is none that {SETTING} lists")
        return target


def literal(host: str) -> Address | None:
    """Give the IP address that a target's host is; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _target(url: str) -> Target:
    found = _URL.fullmatch(url) if url.isascii() else None
    host = _host(found["host"]) if found else None
    if found is None or host is None:
        raise UrlNotAllowed(
            "a url is of http or https and in ASCII, without a user name or an odd host, "
            "such as https://example.com/a.jpg"
        )
    scheme, path = found["scheme"].lower(), found["path"] or "/"
    port = int(found["port"]) if found["port"] else PORTS[scheme]
    return Target(scheme, host, port, path if path.startswith("/") else f"/{path}")


def _rule(text: str) -> _Rule:
    found = _RULE.fullmatch(text.lower())
    host = found and (found["host"] if found["host"] == "*" else _host(found["host"]))
    port = int(found["port"]) if found and found["port"] else None
    if not found or not host or (found["any"] and (host == "*" or literal(host))):
        raise ConfigurationError(f"{SETTING} lists no host, *.host or * with {text!r}")
    if port is not None and not 0 < port <= MOST_PORT:
        raise ConfigurationError(f"{SETTING} lists a port that there is not with {text!r}")
    return _Rule(host, bool(found["any"]), port)


def _host(text: str) -> str | None:
    """Give a host in the one form in which hosts are compared; None for what is none."""
    text = text.lower()
    try:
        if text.startswith("["):
            return str(IPv6Address(text[1:-1]))
        labels = text.removesuffix(".").split(".")
        if _NUMBER.fullmatch(labels[-1]):
            return str(IPv4Address(text))
    except ValueError:
        return None
    named = (
        text.isascii()
        and len(text) <= MOST_NAME
        and all(_LABEL.fullmatch(label) for label in labels)
    )
    return ".".join(labels) if named else None
