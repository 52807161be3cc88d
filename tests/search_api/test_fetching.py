"""The file behind a search's URL, fetched from a host that is as hostile as it likes."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import gevent
import pytest

from lookalike.errors import TooBusy, UrlNotAllowed, UrlUnreadable
from search_api import fetching
from search_api.addresses import Address
from search_api.batch import AT_ONCE
from search_api.fetching import FETCHES, NOT_PUBLIC, Fetcher
from search_api.native import run_native, size_native_pool
from search_api.remote import Hosts
from tests.search_api.far_host import FarHost, gives, sends, write_certificate

NAME = "pictures.test"
HERE = ip_address("127.0.0.1")
MOST_BYTES = 1_000_000
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
WORD = "sesame"


class Names:
    """Answers with the addresses of a list, and then with the next; notes what was asked."""

    def __init__(self, *answers: list[Address]) -> None:
        self.answers, self.asked = list(answers), list[tuple[str, int]]()

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append((host, port))
        return self.answers.pop(0)


def anywhere(_: Address) -> bool:
    return True


def fetcher(
    host: FarHost,
    names: Callable[[str, int], list[Address]] | None = None,
    allowed: Callable[[Address], bool] = anywhere,
    trusted: Path | None = None,
) -> Fetcher:
    return Fetcher(
        Hosts.of(f"{NAME}:{host.port}"),
        MOST_BYTES,
        resolve=names or (lambda _host, _port: [HERE]),
        allowed=allowed,
        trusted=trusted and str(trusted),
    )


def fetch(host: FarHost, seconds: float = 5.0, path: str = "/a.jpg", **given: Any) -> bytes:
    return fetcher(host, **given).fetch(f"http://{NAME}:{host.port}{path}", seconds)


@pytest.fixture
def host() -> Iterator[FarHost]:
    host = FarHost()
    yield host
    host.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return write_certificate(tmp_path / "certificate.pem", NAME)


@pytest.fixture
def secure(certificate: Path) -> Iterator[FarHost]:
    host = FarHost(certificate)
    yield host
    host.close()


def test_a_file_is_fetched_by_its_name_without_the_fragment(host: FarHost) -> None:
    host.sends = gives(b"\x00\xff" * 200_000)
    assert fetch(host, path="/a.jpg?b=c#d") == b"\x00\xff" * 200_000
    [request] = host.requests
    first, *headers = request.splitlines()
    assert first == "GET /a.jpg?b=c HTTP/1.1"
    assert {f"Host: {NAME}:{host.port}", "Accept-Encoding: identity"} <= set(headers)
    assert not {"cookie", "authorization", "referer"} & {
        header.partition(":")[0].lower() for header in headers
    }


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD, b"\r\n", b"a ", b"file"),
        (HEAD, CHUNKS, b"2\r\na \r\n4\r\nfile\r\n0\r\n\r\n"),
        (b"HTTP/1.0 200 OK\r\n\r\na file",),
        (b"HTTP/1.1 100 Continue\r\n\r\n", HEAD, b"Content-Length: 6\r\n\r\na file"),
        (HEAD, b"Content-Encoding: identity\r\nContent-Length: 6\r\n\r\na file more"),
    ],
)
def test_a_file_s_end_is_found_however_it_is_told(host: FarHost, pieces: tuple[bytes]) -> None:
    host.sends = sends(*pieces)
    assert fetch(host) == b"a file"


def test_a_name_is_asked_for_once_and_its_checked_address_connected_to(host: FarHost) -> None:
    names, seen = Names([HERE], [ip_address("127.0.0.2")]), list[Address]()

    def allowed(address: Address) -> bool:
        seen.append(address)
        return True

    assert fetch(host, names=names, allowed=allowed) == b"a file"
    assert names.asked == [(NAME, host.port)]
    assert seen == [HERE]
    assert len(host.requests) == 1


def test_the_next_address_is_tried_where_one_does_not_answer(host: FarHost) -> None:
    names = Names([ip_address("127.0.0.2"), IPv6Address("::1"), HERE])
    assert fetch(host, names=names) == b"a file"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["93.184.215.14", "127.0.0.1"],
        ["2606:4700::1111", "::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["169.254.169.254"],
        [],
    ],
)
def test_a_host_with_any_address_inside_is_refused_as_one_with_none(
    host: FarHost, addresses: list[str]
) -> None:
    names = Names([ip_address(address) for address in addresses])
    own = Fetcher(Hosts.of(f"*:{host.port}"), MOST_BYTES, resolve=names)
    with pytest.raises(UrlNotAllowed) as refused:
        own.fetch(f"http://{NAME}:{host.port}/", 5)
    assert str(refused.value) == NOT_PUBLIC
    assert not host.requests


@pytest.mark.parametrize("place", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]"])
def test_an_address_in_the_url_is_held_to_the_same(host: FarHost, place: str) -> None:
    names = Names()
    listed = Fetcher(Hosts.of(f"*:{host.port},{place}:{host.port}"), MOST_BYTES, resolve=names)
    with pytest.raises(UrlNotAllowed):
        listed.fetch(f"http://{place}:{host.port}/", 5)
    assert not host.requests


def test_what_is_not_listed_is_not_even_looked_up(host: FarHost) -> None:
    with pytest.raises(UrlNotAllowed, match="LOOKALIKE_URL_HOSTS"):
        fetcher(host, Names()).fetch(f"http://other.test:{host.port}/", 5)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "304 Not Modified", "308 Moved"])
def test_a_redirect_is_not_followed(host: FarHost, status: str) -> None:
    there = f"Location: http://{NAME}:{host.port}/{WORD}"
    host.sends = gives(b"", there, status=status)
    with pytest.raises(UrlUnreadable, match="redirects"):
        fetch(host)
    assert len(host.requests) == 1


@pytest.mark.parametrize("status", ["204 None", "206 Partial", "404 Not Found", "500 Oh", "999 ?"])
def test_nothing_that_the_host_says_is_told(host: FarHost, status: str) -> None:
    host.sends = gives(WORD.encode(), f"X-A: {WORD}", status=f"{status} {WORD}")
    with pytest.raises(UrlUnreadable) as refused:
        fetch(host)
    assert WORD not in str(refused.value)
    assert status[:3] not in str(refused.value)


@pytest.mark.parametrize("coding", ["gzip", "br", "x", "identity, gzip"])
def test_a_compressed_file_is_refused(host: FarHost, coding: str) -> None:
    host.sends = gives(b"a file", f"Content-Encoding: {coding}")
    with pytest.raises(UrlUnreadable, match="compresses"):
        fetch(host)


def endlessly(*pieces: bytes) -> Callable[[Any], None]:
    def send(connection: Any) -> None:
        connection.sendall(b"".join(pieces[:-1]))
        while True:  # until the other end is gone
            connection.sendall(pieces[-1])

    return send


@pytest.mark.parametrize(
    "pieces",
    [
        (HEAD, b"Content-Length: 1000001\r\n\r\n", b""),
        (HEAD, b"\r\n", b"0" * 5000),
        (HEAD, CHUNKS, b"1388\r\n" + b"0" * 5000 + b"\r\n"),
        (HEAD, CHUNKS, b"1\r\n0\r\n" * 1000),
        (HEAD, b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 1000),
        (HEAD, b"A: b\r\n" * 1000),
        (HEAD, b"A: ", b"b" * 1000),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 100,),
    ],
)
def test_no_more_is_read_than_a_file_may_have(host: FarHost, pieces: tuple[bytes, ...]) -> None:
    host.sends = gives(b"0" * MOST_BYTES)
    assert len(fetch(host, 60)) == MOST_BYTES
    host.sends = sends(*pieces) if not pieces[-1] else endlessly(*pieces)
    with pytest.raises(UrlUnreadable) as refused:
        fetch(host, 60)
    assert "in time" not in str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        HEAD + b"Content-Length: 7\r\n\r\na file",
        HEAD + CHUNKS + b"-5\r\na file\r\n0\r\n\r\n",
        HEAD + CHUNKS + b"f" * 40 + b"\r\na file\r\n0\r\n\r\n",
        HEAD + CHUNKS + b"six\r\na file\r\n0\r\n\r\n",
    ],
    ids=[
        *("nothing", "empty lines", "another protocol", "less than it said"),
        *("a negative chunk", "an endless chunk", "a chunk of no length"),
    ],
)
def test_broken_answers_are_unreadable(host: FarHost, answer: bytes) -> None:
    host.sends = sends(answer)
    with pytest.raises(UrlUnreadable):
        fetch(host)


def test_a_host_that_is_not_there_is_unreadable(host: FarHost) -> None:
    host.close()
    with pytest.raises(UrlUnreadable, match="cannot be reached"):
        fetch(host)


def slowly(*pieces: bytes) -> Callable[[Any], None]:
    """Send pieces, then a byte now and then, each soon enough for any limit between two."""

    def send(connection: Any) -> None:
        connection.sendall(b"".join(pieces))
        while not threading.Event().wait(0.02):
            connection.sendall(b"0")

    return send


@pytest.mark.parametrize(
    "pieces",
    [(), (HEAD,), (HEAD, b"A: "), (HEAD, b"Content-Length: 900000\r\n\r\n")],
    ids=["status", "headers", "header", "body"],
)
def test_a_host_that_drips_is_cut_off(host: FarHost, pieces: tuple[bytes, ...]) -> None:
    host.sends = slowly(*pieces)
    with pytest.raises(UrlUnreadable, match="in time"):
        fetch(host, 0.3)


class Flood:
    """A connection on which there is always something to read: it is never waited for."""

    def sendall(self, _: bytes) -> None:
        pass

    def recv_into(self, buffer: memoryview) -> int:
        line = b"HTTP/1.1 100 Continue\r\n\r\n"
        buffer[:] = (line * (len(buffer) // len(line) + 1))[: len(buffer)]
        return len(buffer)

    def close(self) -> None:
        pass


def test_time_runs_out_however_fast_a_host_sends(
    host: FarHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MOST_HEAD_BYTES", 1 << 62)
    monkeypatch.setattr(fetching, "_connected", lambda *_: Flood())
    with pytest.raises(UrlUnreadable, match="in time"):
        fetch(host, 0.2)


def test_a_worker_fetches_a_few_at_once_as_many_as_a_batch_asks_for(host: FarHost) -> None:
    assert AT_ONCE <= FETCHES
    go, answer = threading.Event(), host.sends

    def wait(connection: Any) -> None:
        go.wait()
        answer(connection)

    host.sends = wait
    own, url = fetcher(host), f"http://{NAME}:{host.port}/"
    at_work = [gevent.spawn(own.fetch, url, 30) for _ in range(FETCHES)]
    gevent.sleep(0)
    with pytest.raises(TooBusy):
        own.fetch(url, 30)
    go.set()
    assert [one.get() for one in at_work] == [b"a file"] * FETCHES
    assert own.fetch(url, 30) == b"a file"


def test_slow_names_hold_up_no_other_work_and_no_longer_than_a_fetch_may_take(
    host: FarHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    size_native_pool(1)
    go = threading.Event()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", host.port))]
    monkeypatch.setattr(fetching, "_getaddrinfo", lambda *_, **__: go.wait() and found)
    own, url = fetcher(host, fetching.resolve), f"http://{NAME}:{host.port}/"
    try:
        late = [gevent.spawn(own.fetch, url, 0.2) for _ in range(FETCHES)]
        gevent.sleep(0.05)
        assert run_native(lambda: "decoded") == "decoded"
        for one in late:
            with pytest.raises(UrlUnreadable, match="in time"):
                one.get()
    finally:
        go.set()
    assert own.fetch(url, 30) == b"a file"


def test_the_system_s_names_are_addresses_and_others_are_none() -> None:
    assert IPv4Address("127.0.0.1") in fetching.resolve("127.0.0.1", 80)
    assert fetching.resolve("nowhere.invalid", 80) == []


def test_over_tls_the_name_is_asked_for_and_the_certificate_its_own(
    secure: FarHost, certificate: Path
) -> None:
    url = f"https://{NAME}:{secure.port}/a.jpg"
    assert fetcher(secure, trusted=certificate).fetch(url, 5) == b"a file"
    assert secure.names == [NAME]
    assert f"Host: {NAME}:{secure.port}" in secure.requests[0]


def test_a_certificate_of_another_name_or_of_nobody_is_refused(
    secure: FarHost, certificate: Path
) -> None:
    with pytest.raises(UrlUnreadable, match="valid certificate"):
        fetcher(secure).fetch(f"https://{NAME}:{secure.port}/", 5)
    other = Fetcher(
        Hosts.of(f"*:{secure.port}"),
        MOST_BYTES,
        resolve=lambda _host, _port: [HERE],
        allowed=anywhere,
        trusted=str(certificate),
    )
    for place in ("other.test", f"x.{NAME}", "127.0.0.1"):
        with pytest.raises(UrlUnreadable, match="valid certificate"):
            other.fetch(f"https://{place}:{secure.port}/", 5)
    assert not secure.requests


def test_a_host_that_does_not_shake_hands_is_cut_off(host: FarHost) -> None:
    with pytest.raises(UrlUnreadable, match="in time"):
        fetcher(host).fetch(f"https://{NAME}:{host.port}/", 0.3)


SCRIPT = """
from gevent import monkey
monkey.patch_all()
import json, os, sys
os.environ["http_proxy"] = os.environ["https_proxy"] = "http://127.0.0.1:9"
from ipaddress import ip_address
from search_api import fetching
from search_api.fetching import Fetcher
from search_api.remote import Hosts
from tests.search_api.hub_watch import Watch

plain, secure, trusted = sys.argv[1:]
fetching._getaddrinfo("localhost", 80)  # reads files the first time
found = []
watch = Watch(lambda where, what, stack: found.append((where, what, stack)))
fetcher = Fetcher(Hosts.of("*,*:" + plain + ",*:" + secure), 10**6, allowed=lambda _: True,
    resolve=lambda host, port: [ip_address("127.0.0.1")], trusted=trusted)
watch.install()
watch.begin()
for url in ("http://pictures.test:" + plain, "https://pictures.test:" + secure):
    assert len(fetcher.fetch(url, 30)) == 500_000
fetching.resolve("localhost", 80)
print(json.dumps(found))
"""


def test_nothing_of_it_waits_on_the_hub_of_a_worker(
    host: FarHost, secure: FarHost, certificate: Path
) -> None:
    """In a process of its own, where gevent has taken the place of what waits."""
    host.sends = secure.sends = gives(b"0" * 500_000)
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(host.port), str(secure.port), str(certificate)],
        capture_output=True,
        text=True,
        env=os.environ.copy(),
    )
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    assert [one for one in found if one[0] == "hub"] == []
    assert "socket.getaddrinfo" in {what for _, what, _ in found}
