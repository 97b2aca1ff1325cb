"""Posts to targets that callers have named, and to nothing that only this machine or its network can reach."""

import socket
from collections.abc import Mapping
from typing import Any

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver

from quintet_gateway.outgoing.targets import TargetRefused, TargetRule

_USER_AGENT = "Quintet-Webhooks/1.0"


class GuardedPosts:
    """Makes each connection to an address that was checked: the check stands between the look-up and the connection.

    A name is looked up once for a connection, redirects are not followed, proxies of the environment are not used, and
    of the answer nothing but its status is read.
    """

    def __init__(self, rule: TargetRule, timeout_s: float = 10.0, resolver: AbstractResolver | None = None) -> None:
        """Takes how long one post may last, in seconds, and who looks names up if it is not the system."""
        self._rule = rule
        self._timeout = ClientTimeout(total=timeout_s)
        self._resolver = resolver
        self._session: ClientSession | None = None

    def check_host(self, host: str) -> None:
        """Checks a host as far as that needs no network.

        Raises:
            TargetRefused: if it is not to be reached.
        """
        self._rule.check_name(host)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Posts and returns the status of the answer.

        Raises:
            TargetRefused: if the address is not to be reached.
            OSError: if there is no answer in time; its text is a sentence without the URL.
        """
        try:
            async with self._connected().post(url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status
        except TimeoutError:
            raise OSError("The target did not answer in time.") from None
        except ClientConnectorError as error:
            if isinstance(error.os_error, TargetRefused):
                raise error.os_error from None
            raise OSError("No connection to the target could be made.") from None
        except InvalidURL:
            raise OSError("The target's URL names no address that can be used.") from None
        except (ClientError, ValueError):
            raise OSError("The target's answer could not be read.") from None

    async def close(self) -> None:
        """Ends all connections."""
        if self._session is not None:
            await self._session.close()

    def _connected(self) -> ClientSession:
        # Made when it is first used, because it belongs to the loop that runs then.
        if self._session is None:
            connector = TCPConnector(
                socket_factory=self._checked_socket, force_close=True, use_dns_cache=False, resolver=self._resolver
            )
            self._session = ClientSession(
                connector=connector,
                timeout=self._timeout,
                cookie_jar=DummyCookieJar(),
                headers={"User-Agent": _USER_AGENT},
                auto_decompress=False,
            )
        return self._session

    def _checked_socket(self, address: Any) -> socket.socket:
        family, kind, protocol, _name, where = address
        self._rule.check(where[0])
        return socket.socket(family, kind, protocol)
