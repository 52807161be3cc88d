"""The allow-list of hosts that a search's URL may name (``LOOKALIKE_URL_HOSTS``). Pure.

The service keeps to it, and the doctor looks whether it can be read.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import msgspec

from lookalike.errors import ConfigurationError

SETTING = "LOOKALIKE_URL_HOSTS"
PORTS: Final = {"http": 80, "https": 443}
_RULE = re.compile(r"(?P<any>\*\.)?(?P<host>[^\[\]:*]+|\[[^\[\]]+\]|\*)(:(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# A last label of this form makes of the whole an IPv4 address (WHATWG URL, 3.5).
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
MOST_NAME = 253
MOST_PORT = 65535


class HostRule(msgspec.Struct, frozen=True):
    """Hosts of an allow-list: one, all below one, or all; of some port, or of the usual ones."""

    host: str
    below: bool
    port: int | None

    def admits(self, host: str, port: int) -> bool:
        """Tell whether a URL may name this host and port."""
        if port not in (PORTS.values() if self.port is None else (self.port,)):
            return False
        if self.below:
            return host.endswith(f".{self.host}")
        return self.host in ("*", host)


def host_rules(listed: str) -> tuple[HostRule, ...]:
    """Read an allow-list, as the setting has it.

    Raises:
        ConfigurationError: a part of it is no host.
    """
    return tuple(_rule(part.strip()) for part in listed.split(",") if part.strip())


def plain_host(text: str) -> str | None:
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


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """Give the IP address that a plain host is; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _rule(text: str) -> HostRule:
    found = _RULE.fullmatch(text.lower())
    host = found and (found["host"] if found["host"] == "*" else plain_host(found["host"]))
    port = int(found["port"]) if found and found["port"] else None
    if not found or not host or (found["any"] and (host == "*" or literal(host))):
        raise ConfigurationError(f"{SETTING} lists no host, *.host or * with {text!r}")
    if port is not None and not 0 < port <= MOST_PORT:
        raise ConfigurationError(f"{SETTING} lists a port that there is not with {text!r}")
    return HostRule(host, bool(found["any"]), port)
