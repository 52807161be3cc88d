"""Which IP addresses belong to the public internet: all that a search's URL may lead to. Pure.

What IANA's registries of special-purpose addresses (RFC 6890) give to other uses is none of
it, nor is an IPv6 address that has an IPv4 address within, wherever that one leads.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

# To ``is_global`` these are, and they lead to no host of the internet, or to many.
SPECIAL_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "192.0.0.0/24",  # protocols; some of it leads to whatever is near (RFC 7723)
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
        "224.0.0.0/4",  # multicast
    )
)
# All that is given out to hosts (RFC 4291); the rest of IPv6 is reserved, local or special:
# IPv4-mapped and -compatible addresses, NAT64, link-local, unique local and multicast ones.
UNICAST_IPV6 = IPv6Network("2000::/3")
SPECIAL_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols: Teredo, which has IPv4 within, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which has IPv4 within
        "3fff::/20",  # documentation (RFC 9637)
    )
)
# The third quarter of an ISATAP address (RFC 5214), whose fourth is an IPv4 address.
ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def is_public(address: Address) -> bool:
    """Say whether an address is one of a single host of the public internet."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in SPECIAL_IPV4)
    return (
        address.is_global
        and address.scope_id is None
        and address in UNICAST_IPV6
        and not any(address in network for network in SPECIAL_IPV6)
        and int(address) >> 32 & 0xFFFFFFFF not in ISATAP
    )
