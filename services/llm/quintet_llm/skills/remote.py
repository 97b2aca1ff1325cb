"""JSON from public sources over HTTP: short time-outs, one kind of failure, a brief memory."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import httpcore
import httpx

from quintet_errors import DomainError, Reason

_CONNECT_S = 2.0
_TOTAL_S = 4.0
_LARGEST_BODY = 1 << 20
_MOST_REMEMBERED = 256


class JsonSource:
    """Fetches JSON objects and remembers each for `keep_s` seconds."""

    def __init__(self, client: httpx.AsyncClient, keep_s: float) -> None:
        self._client = client
        self._keep_s = keep_s
        self._remembered: OrderedDict[str, tuple[float, dict[str, Any]]] = OrderedDict()

    async def get(self, url: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Returns the object at `url`, at most `keep_s` seconds old.

        Raises:
            DomainError: SOURCE_UNREACHABLE if the source does not answer within 4 s, or not with a JSON object.
        """
        key = str(httpx.URL(url, params=dict(params)))
        known = self._remembered.get(key)
        if known and time.monotonic() - known[0] < self._keep_s:
            return known[1]
        found = await self._fetch(key)
        self._remembered[key] = (time.monotonic(), found)
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return found

    async def _fetch(self, url: str) -> dict[str, Any]:
        host = httpx.URL(url).host
        try:
            async with asyncio.timeout(_TOTAL_S):
                body = await self._read(url)
            found = await asyncio.to_thread(httpx.Response(200, content=body).json)
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            raise _unreachable(host) from error
        if not isinstance(found, dict):
            raise _unreachable(host)
        return found

    async def _read(self, url: str) -> bytes:
        async with self._client.stream("GET", url) as response:
            # Sources say "not found" with a JSON body and 404, which is an answer.
            if response.status_code not in {200, 404}:
                raise httpx.HTTPError(f"status {response.status_code}")
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST_BODY:
                    raise httpx.HTTPError("the body is too large")
            return body


async def create_client() -> httpx.AsyncClient:
    """Returns the client for all public sources; its caller closes it."""
    # The first use loads the network backend, which would otherwise stop the loop for 100 ms at the first question.
    await httpcore.AnyIOBackend().sleep(0)
    return httpx.AsyncClient(
        timeout=httpx.Timeout(_TOTAL_S, connect=_CONNECT_S),
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=4),
        headers={"User-Agent": "Mozilla/5.0 (compatible; Quintet/1.0)", "Accept": "application/json"},
        follow_redirects=False,
    )


def _unreachable(host: str) -> DomainError:
    return DomainError(Reason.SOURCE_UNREACHABLE, f"{host} does not give an answer at the moment.", {"host": host})
