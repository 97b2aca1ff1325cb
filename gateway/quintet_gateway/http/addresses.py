"""IP addresses and networks as they stand in headers and settings."""

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_address(text: str) -> Address | None:
    """Returns an address without its zone, an IPv4 one in IPv6 spelling as IPv4; None if it is no address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return address


def parse_network(text: str) -> Network | None:
    """Returns a network, or the one that an address is alone in; None if it is neither."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def is_within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Tells whether an address lies in one of the networks; no address lies in none."""
    return address is not None and any(address in network for network in networks)
