"""Which Host headers are answered. A foreign name means that a page elsewhere points its own name at this machine."""

import re
from collections.abc import Iterable
from functools import lru_cache

from quintet_gateway.http.addresses import is_within, parse_address, parse_network

_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]/?#@\s]+)(?::\d{1,5})?")


class HostRule:
    """Accepts loopback names and addresses, and what is configured.

    A configured entry is a name, `.suffix` for all names below one, an address, a network like `10.0.0.0/8`, or `*`.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        entries = [entry.strip().lower() for entry in allowed if entry.strip()]
        self._any = "*" in entries
        self._networks = [network for entry in entries if (network := parse_network(entry)) is not None]
        self._names = frozenset(entries)
        self._suffixes = tuple(entry for entry in entries if entry.startswith("."))
        # A browser sends one of few names; the size only bounds what strangers can make it remember.
        self.accepts = lru_cache(maxsize=512)(self._accepts)

    def _accepts(self, authority: str) -> bool:
        """Tells whether a Host header's value may be answered."""
        host = host_of(authority)
        if host is None:
            return False
        return self._any or is_loopback(host) or self._is_configured(host)

    def _is_configured(self, host: str) -> bool:
        if host in self._names or host.endswith(self._suffixes):
            return True
        return is_within(parse_address(host), self._networks)


def host_of(authority: str) -> str | None:
    """Returns the lower-case host of `host:port`, without brackets and a last dot; None if it is malformed."""
    match = _AUTHORITY.fullmatch(authority)
    return match["host"].strip("[]").lower().removesuffix(".") if match else None


def is_loopback(host: str) -> bool:
    """Tells whether a host name or address can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = parse_address(host)
    return address is not None and address.is_loopback
