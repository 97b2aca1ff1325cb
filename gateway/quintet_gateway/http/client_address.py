"""Whose request it is: the peer's address, or what a trusted proxy says about it."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from aiohttp import web

from quintet_gateway.http.addresses import Network, is_within, parse_address


class ClientAddress:
    """Reads the client's address; `X-Forwarded-For` counts only as far as trusted proxies vouch for it."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        self._trusted: tuple[Network, ...] = tuple(
            ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies
        )

    def of(self, request: web.Request) -> str:
        """Returns the address, empty if the connection has none (a Unix socket)."""
        peer = request.remote or ""
        if not self._trusted or not self._is_trusted(peer):
            return peer
        # Each proxy appends the address that it saw, so the list is read from its trustworthy end.
        hops = [hop.strip() for value in request.headers.getall("X-Forwarded-For", ()) for hop in value.split(",")]
        for hop in reversed(hops):
            if parse_address(hop) is None:
                return peer
            peer = hop
            if not self._is_trusted(hop):
                break
        return peer

    def _is_trusted(self, text: str) -> bool:
        return is_within(parse_address(text), self._trusted)


@lru_cache(maxsize=4096)
def allowance_key(address: str) -> str:
    """Returns whose allowance an address spends: an IPv6 client owns its whole /64 and could rotate through it."""
    parsed = parse_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and not parsed.is_loopback:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed) if parsed else address
