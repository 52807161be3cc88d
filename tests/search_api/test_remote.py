"""How a search's URL is read, and which hosts it may name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import ConfigurationError, UrlNotAllowed
from search_api.remote import Hosts, Target

ALL = Hosts.of("*")


def test_a_url_is_taken_apart() -> None:
    assert ALL.target("https://Example.COM./a/b.jpg?c=%20&d#e") == Target(
        "https", "example.com", 443, "/a/b.jpg?c=%20&d"
    )
    assert ALL.target("HTTP://example.com") == Target("http", "example.com", 80, "/")
    assert ALL.target("http://example.com?a@b") == Target("http", "example.com", 80, "/?a@b")
    assert ALL.target("http://xn--bcher-kva.example/") == Target(
        "http", "xn--bcher-kva.example", 80, "/"
    )
    assert ALL.target("https://[2606:4700:0::1111]:443/") == Target(
        "https", "2606:4700::1111", 443, "/"
    )


def test_the_host_header_has_brackets_and_a_port_where_it_must() -> None:
    assert Target("http", "a.example", 80, "/").authority == "a.example"
    assert Target("http", "a.example", 443, "/").authority == "a.example:443"
    assert Target("https", "2606::1", 8443, "/").authority == "[2606::1]:8443"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/a.jpg",
        "//example.com/a.jpg",
        "file:///etc/passwd",
        "ftp://example.com/a.jpg",
        "gopher://example.com/",
        "data:image/png;base64,AAAA",
        "http:/example.com/",
        "http:///a.jpg",
        "http://user@example.com/",
        "http://user:word@example.com/",
        "http://good.example@evil.example/",
        "http://good.example:80@evil.example/",
        "http://good.example\\@evil.example/",
        "http://good.example\\.evil.example/",
        "http://evil.example#@good.example\\",
        "http://good.example%2f@evil.example/",
        "http://%65vil.example/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://1.2.3.04/",
        "http://1.2.3.256/",
        "http://a.example.0x/",
        "http://[::1/",
        "http://::1/",
        "http://[fe80::1%eth0]/",
        "http://[fe80::1%25eth0]/",
        "http://[::1]evil.example/",
        "http://[v1.a]/",
        "http://a..example/",
        "http://.example/",
        "http://a.example../",
        "http://-a.example/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 127}example/",
        "http://b\u00fccher.example/",
        "http://\u212a.example/",
        "http://1\u3002example/",
        "http://\u2488example/",
        "http://a.example/\u00fc",
        "http://a.example/ b",
        " http://a.example/",
        "http://a.example/\n",
        "http://a.example/\r\nHost: evil.example",
        "http://a.example\t/",
        "http://a.example/\x00",
        "http://a.example/\\b",
        "http://a.example:/",
        "http://a.example:0/",
        "http://a.example:22/",
        "http://a.example:8080/",
        "http://a.example:65616/",
        "http://a.example:80:80/",
        "http://a.example:+80/",
        "http://a.example:\u0668\u0660/",
    ],
)
def test_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(UrlNotAllowed):
        ALL.target(url)


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_what_is_read_is_ascii_without_spaces(rest: str) -> None:
    try:
        target = ALL.target(f"http://a.example{rest}")
    except UrlNotAllowed:
        return
    sent = f"{target.authority}{target.path}"
    assert sent.isascii()
    assert sent.isprintable()
    assert not set(sent) & set(" \\#")
    assert "@" not in target.host


@pytest.mark.parametrize(
    ("listed", "url", "admitted"),
    [
        ("a.example", "http://a.example/", True),
        ("A.example.", "https://a.EXAMPLE./", True),
        ("a.example", "http://b.a.example/", False),
        ("a.example", "http://xa.example/", False),
        ("a.example", "http://a.example.evil.test/", False),
        ("b.test, a.example", "http://a.example/", True),
        ("*.a.example", "http://c.b.a.example/", True),
        ("*.a.example", "http://a.example/", False),
        ("*.a.example", "http://xa.example/", False),
        ("a.example:8443", "https://a.example:8443/", True),
        ("a.example:8443", "https://a.example/", False),
        ("a.example", "https://a.example:8443/", False),
        ("*.a.example:8443", "https://b.a.example:8443/", True),
        ("*:8080", "http://a.example:8080/", True),
        ("93.184.215.14", "http://93.184.215.14/", True),
        ("[2606:4700::1111]:81", "http://[2606:4700::1111]:81/", True),
    ],
)
def test_only_listed_hosts_are_admitted(listed: str, url: str, admitted: bool) -> None:
    hosts = Hosts.of(listed)
    if admitted:
        assert hosts.target(url)
        return
    with pytest.raises(UrlNotAllowed, match="LOOKALIKE_URL_HOSTS"):
        hosts.target(url)


@pytest.mark.parametrize("listed", ["", " ", ",", " , "])
def test_an_empty_list_says_that_it_is_off(listed: str) -> None:
    with pytest.raises(UrlNotAllowed, match="off here; LOOKALIKE_URL_HOSTS"):
        Hosts.of(listed).target("http://a.example/")


@pytest.mark.parametrize(
    "listed",
    [
        "http://a.example",
        "a.example/b",
        "a.*",
        "**",
        "*.*",
        "*.1.2.3.4",
        "*.14",
        "*a.example",
        "a b",
        "a.example:0",
        "a.example:65536",
        "a.example:x",
        "::1",
        "b\u00fccher.example",
        "1.2.3",
    ],
)
def test_a_list_of_something_else_is_a_wrong_setting(listed: str) -> None:
    with pytest.raises(ConfigurationError, match="LOOKALIKE_URL_HOSTS"):
        Hosts.of(f"a.example,{listed}")
