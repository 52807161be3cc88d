"""A search's URL, taken apart strictly, and the hosts that such URLs may name. Pure.

Programs read odd URLs differently, and one that is checked by one reading and fetched by
another leads anywhere. So a URL is of one plain form here, and what is not is refused.
"""

import re

import msgspec

from lookalike.errors import UrlNotAllowed
from lookalike.url_hosts import PORTS, SETTING, HostRule, host_rules, plain_host

# ASCII without spaces, and without the backslash that some take for a slash.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[^/?#:@\[\]]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[!-\"$-\[\]-~]*|\?[!-\"$-\[\]-~]*)?(#[!-\[\]-~]*)?",
    re.ASCII | re.IGNORECASE,
)


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


class Hosts(msgspec.Struct, frozen=True):
    """The hosts that a search's URL may name."""

    rules: tuple[HostRule, ...]

    @classmethod
    def of(cls, listed: str) -> "Hosts":
        """Read an allow-list, as the setting has it.

        Raises:
            ConfigurationError: a part of it is no host.
        """
        return cls(host_rules(listed))

    def target(self, url: str) -> Target:
        """Take a URL apart.

        Raises:
            UrlNotAllowed: it is not of the form that is read here, or its host is not listed.
        """
        if not self.rules:
            raise UrlNotAllowed(f"searches by url are off here; {SETTING} lists hosts to allow")
        target = _target(url)
        if not any(rule.admits(target.host, target.port) for rule in self.rules):
            raise UrlNotAllowed(f"the url's host, or its port, is none that {SETTING} lists")
        return target


def _target(url: str) -> Target:
    found = _URL.fullmatch(url) if url.isascii() else None
    host = plain_host(found["host"]) if found else None
    if found is None or host is None:
        raise UrlNotAllowed(
            "a url is of http or https and in ASCII, without a user name or an odd host, "
            "such as https://example.com/a.jpg"
        )
    scheme, path = found["scheme"].lower(), found["path"] or "/"
    port = int(found["port"]) if found["port"] else PORTS[scheme]
    return Target(scheme, host, port, path if path.startswith("/") else f"/{path}")
