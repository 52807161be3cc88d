"""Fetches the file behind a search's URL, from the public internet and from nowhere else.

The host's name is resolved once. The address that was checked is the one that is connected
to, so that a name that leads elsewhere by then is of no use (DNS rebinding); the certificate
is still checked against the name. Nothing that the host says is passed on but the file.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPException, HTTPResponse
from ipaddress import IPv4Address, ip_address
from typing import Any

import certifi
import gevent
from gevent import monkey, socket, ssl

from lookalike.errors import TooBusy, UrlNotAllowed, UrlUnreadable
from lookalike.settings import Settings
from lookalike.url_hosts import literal
from search_api.addresses import Address, is_public
from search_api.admission import BUSY
from search_api.apart import FETCHES, run_naming
from search_api.native import run_sized
from search_api.remote import Hosts, Target

Resolve = Callable[[str, int], list[Address]]

MOST_SECONDS = 5.0
MOST_HEAD_BYTES = 1 << 14
PIECE_BYTES = 1 << 16
# Of lines, which take the longest to read: about a millisecond's, and then others have a turn.
TURN_BYTES = 1 << 10
# Of a body that comes in chunks, what is sent may be so many times what it holds.
CHUNKED = 2
OK, REDIRECTS = 200, range(300, 400)
# One sentence for a name that there is not and one that leads inside: else callers could find
# out by it what a private network has.
NOT_PUBLIC = "the url's host has no address, or one that is not of the public internet"
FAILED = "the url's host cannot be reached, or does not answer in HTTP or with a valid certificate"
_getaddrinfo: Any = monkey.get_original("socket", "getaddrinfo")


def resolve(host: str, port: int) -> list[Address]:
    """Ask the system for a host's addresses, the best first; none where there are none."""

    def look_up() -> list[Address]:
        try:
            found = _getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return []
        return [ip_address(place[0]) for *_, place in found]

    return run_naming(look_up)


class Fetcher:
    """Fetches files, a few at once, so that slow hosts hold up no other search.

    Args:
        hosts: that URLs may name.
        most_bytes: of a file.
        resolve: gives the addresses of a host and port.
        allowed: says of an address whether it may be connected to.
        trusted: file of the certificate authorities that are believed.
    """

    def __init__(
        self,
        hosts: Hosts,
        most_bytes: int,
        *,
        resolve: Resolve = resolve,
        allowed: Callable[[Address], bool] = is_public,
        trusted: str | None = None,
    ) -> None:
        self._hosts, self._most = hosts, most_bytes
        self._resolve, self._allowed = resolve, allowed
        self._at_work = 0
        # Checks certificates and their names, by the class's defaults for this protocol.
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if hosts.rules:
            self._tls.load_verify_locations(trusted or certifi.where())

    @classmethod
    def of(cls, settings: Settings) -> "Fetcher":
        """Give the one that the settings say.

        Raises:
            ConfigurationError: LOOKALIKE_URL_HOSTS lists something else than hosts.
        """
        return cls(Hosts.of(settings.url_hosts), settings.max_body_bytes)

    def fetch(self, url: str, seconds: float) -> bytes:
        """Fetch a file.

        Args:
            url: of it.
            seconds: that it may take, at most; never more than ``MOST_SECONDS``.

        Raises:
            UrlNotAllowed: the URL, or where its host is, is not to be fetched from.
            UrlUnreadable: there is no file, it is too large, or takes too long.
            TooBusy: as many are being fetched as may be.
        """
        target = self._hosts.target(url)
        late = UrlUnreadable("the url's host did not give the file in time")
        with self._place(), gevent.Timeout(min(seconds, MOST_SECONDS), late):
            pieces = self._fetched(target)
        return run_sized(sum(map(len, pieces)), lambda: b"".join(pieces))

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._at_work >= FETCHES:
            raise TooBusy(BUSY)
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1

    def _fetched(self, target: Target) -> list[bytes]:
        addresses = self._addresses(target)
        try:
            with closing(_connected(addresses, target.port)) as plain:
                if target.scheme == "http":
                    return _asked(plain, target, self._most)
                with closing(self._secured(plain, target.host)) as secure:
                    secure.do_handshake()
                    return _asked(secure, target, self._most)
        # The last two are what the standard library makes of lengths that there are not.
        except (OSError, HTTPException, ValueError, OverflowError) as error:
            raise UrlUnreadable(FAILED) from error

    def _addresses(self, target: Target) -> list[Address]:
        known = literal(target.host)
        found = [known] if known else self._resolve(target.host, target.port)
        if not found or not all(map(self._allowed, found)):
            raise UrlNotAllowed(NOT_PUBLIC)
        return found

    def _secured(self, plain: Any, host: str) -> Any:
        return self._tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)


def _connected(addresses: Sequence[Address], port: int) -> Any:
    """Connect to the first of some addresses that can be connected to; none is looked up."""
    for place, address in enumerate(addresses, start=1):
        family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.connect((str(address), port))
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError) or place == len(addresses):
                raise
        else:
            return connection
    raise OSError("there are no addresses")


def _asked(connection: Any, target: Target, most: int) -> list[bytes]:
    """Ask for a file, and give it in pieces."""
    head = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: lookalike",
        "Accept: image/*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    connection.sendall("".join(f"{line}\r\n" for line in (*head, "")).encode("ascii"))
    metered = _Metered(connection, MOST_HEAD_BYTES)
    source: Any = metered  # of a socket, the response wants no more than this
    with closing(HTTPResponse(source, method="GET")) as response:
        response.begin()
        _check(response, most)
        metered.left += CHUNKED * most
        return list(_pieces(response, most))


def _check(response: HTTPResponse, most: int) -> None:
    if response.status in REDIRECTS:
        raise UrlUnreadable("the url's host redirects, which is not followed; give the last url")
    if response.status != OK:
        raise UrlUnreadable("the url's host does not give a file there")
    if response.getheader("Content-Encoding", "identity").strip().lower() != "identity":
        raise UrlUnreadable("the url's host compresses the file, though it was told not to")
    if response.length is not None and response.length > most:
        raise _too_large()


def _pieces(response: HTTPResponse, most: int) -> Iterator[bytes]:
    while piece := response.read(PIECE_BYTES):
        most -= len(piece)
        if most < 0:
            raise _too_large()
        yield piece
    if response.length:
        raise UrlUnreadable("the url's host gives less of the file than it said")


def _too_large() -> UrlUnreadable:
    return UrlUnreadable("the file behind the url is too large (LOOKALIKE_MAX_BODY_BYTES)")


class _Metered(io.RawIOBase):
    """Reads from a connection no more than is left to be read, and lets others have their turn.

    Without that a host that sends faster than it is read, such as answers of 100 without end,
    would keep the event loop for itself, and no time would ever run out.
    """

    def __init__(self, connection: Any, left: int) -> None:
        self._connection, self.left = connection, left

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self, TURN_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        gevent.sleep(0)
        if self.left <= 0:
            raise _too_large()
        read: int = self._connection.recv_into(buffer)
        self.left -= read
        return read
