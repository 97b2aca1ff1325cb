"""Which addresses requests may go to: public ones, and those that the operator allows."""

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import suppress

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Addresses of IPv6 that stand for one of IPv4: translators would carry a request on to it.
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")
_LOOPBACK_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")


class TargetRefused(OSError):  # noqa: N818 - an outcome of the check; connecting handles errors of this family
    """An address is neither public nor allowed."""


class TargetRule:
    """Decides by addresses, never by names: what a name means may change between two looks at it."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        """Takes networks or addresses that are allowed beside the public ones.

        Raises:
            ValueError: if one is neither.
        """
        self._allowed = [ipaddress.ip_network(one, strict=False) for one in allowed]

    def check(self, address: str) -> None:
        """Checks the numeric address that a connection is about to be made to.

        Raises:
            TargetRefused: if it is not to be reached.
        """
        found = ipaddress.ip_address(address.partition("%")[0])
        if not self._is_allowed(found):
            raise TargetRefused("The target's address is not public.")

    def check_name(self, host: str) -> None:
        """Checks a host as far as that needs no network, so that its owner hears of it at once.

        Raises:
            TargetRefused: for an address, or a name of this machine, that is not to be reached.
        """
        if host.rstrip(".").lower() in _LOOPBACK_NAMES or host.lower().endswith(".localhost"):
            host = "127.0.0.1"
        with suppress(ValueError):
            self.check(host)

    def _is_allowed(self, address: _Address) -> bool:
        if any(address.version == network.version and address in network for network in self._allowed):
            return True
        inner = list(_carried(address))
        if inner:
            return all(self._is_allowed(one) for one in inner)
        return _is_public(address)


def _carried(address: _Address) -> Iterator[ipaddress.IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    elif any(address in network for network in _TRANSLATED):
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def _is_public(address: _Address) -> bool:
    special = address in _RELAYS if isinstance(address, ipaddress.IPv4Address) else address.is_site_local
    return address.is_global and not (special or address.is_multicast or address.is_reserved)
