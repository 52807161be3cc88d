"""Which addresses are of the public internet."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_api.addresses import is_public

PUBLIC = ("1.1.1.1", "93.184.215.14", "172.32.0.1", "198.20.0.1", "223.255.255.255")
PUBLIC_IPV6 = ("2606:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888")
SPECIAL = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
SPECIAL_IPV6 = (
    "::/128",
    "::1/128",
    "::/96",  # IPv4-compatible
    "::ffff:0:0/96",  # IPv4-mapped
    "::ffff:0:0:0/96",  # IPv4-translated
    "64:ff9b::/96",  # NAT64
    "64:ff9b:1::/48",
    "100::/64",  # discarded
    "2001::/32",  # Teredo
    "2001:2::/48",  # benchmarks
    "2001:10::/28",  # ORCHID
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "3fff::/20",
    "5f00::/16",  # segment routing
    "4000::/3",  # not given out
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",  # site-local, once
    "ff00::/8",
)


def within(network: IPv4Network | IPv6Network) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    first, last = int(network[0]), int(network[-1])
    kind = type(network[0])
    return st.integers(first, last).map(kind) | st.sampled_from([kind(first), kind(last)])


@pytest.mark.parametrize("address", [*PUBLIC, *PUBLIC_IPV6])
def test_hosts_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("network", SPECIAL)
@given(data=st.data())
def test_special_ipv4_addresses_are_not(network: str, data: st.DataObject) -> None:
    assert not is_public(data.draw(within(IPv4Network(network))))


@pytest.mark.parametrize("network", SPECIAL_IPV6)
@given(data=st.data())
def test_special_ipv6_addresses_are_not(network: str, data: st.DataObject) -> None:
    assert not is_public(data.draw(within(IPv6Network(network))))


@given(st.ip_addresses(v=4))
def test_an_ipv6_address_with_an_ipv4_address_within_is_not(inner: IPv4Address) -> None:
    number = int(inner)
    for prefix in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "2606:4700::5efe:0:0"):
        assert not is_public(IPv6Address(int(IPv6Address(prefix)) | number))
    sixtofour = int(IPv6Address("2002::")) | number << 80 | 1
    teredo = int(IPv6Address("2001:0:4136:e378::")) | (number ^ 0xFFFFFFFF)
    assert not is_public(IPv6Address(sixtofour))
    assert not is_public(IPv6Address(teredo))


@given(st.ip_addresses())
def test_what_is_public_is_nothing_that_the_library_knows_to_be_special(
    address: IPv4Address | IPv6Address,
) -> None:
    special = address.is_private or address.is_multicast or address.is_reserved
    assert not (is_public(address) and (special or address.is_unspecified))


def test_an_address_of_one_interface_is_not() -> None:
    assert not is_public(ip_address("fe80::1%eth0"))
    assert not is_public(ip_address("2606:4700::1111%eth0"))
