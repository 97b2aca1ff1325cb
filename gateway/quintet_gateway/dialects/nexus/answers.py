"""Answers of megabytes, built and encoded in threads."""

import json
from collections.abc import Callable, Mapping
from io import BytesIO

from aiohttp import web

from quintet_gateway.dialects.nexus.envelope import frame, respond, succeed
from quintet_gateway.dialects.nexus.json_values import Json
from quintet_gateway.http.large_json import JsonThreads, pieces


class Answers:
    """Answers small things at once and large ones out of two threads; more large ones wait for a thread."""

    def __init__(self) -> None:
        self._threads = JsonThreads()

    async def close(self, _app: web.Application | None = None) -> None:
        """Ends the threads."""
        await self._threads.close()

    async def succeed(
        self, build: Callable[[], Mapping[str, Json]], *, large: bool, repeat: bool = True
    ) -> web.Response:
        """Answers with the fields that `build` returns, as `envelope.succeed` does; if `large`, it runs in a thread."""
        if not large:
            return succeed(build(), repeat=repeat)

        def work() -> BytesIO:
            return _encode(build(), repeat=repeat)

        return respond(await self._threads.run(work))


def _encode(fields: Mapping[str, Json], *, repeat: bool) -> BytesIO:
    """Encodes the fields once, and puts the same text under `data` as well."""
    head = json.dumps({key: value for key, value in frame().items() if key not in fields}).encode("ascii")
    encoded = list(pieces(fields))
    again = (b', "data": ', *encoded) if repeat else ()
    body = BytesIO()
    # Joining the pieces would be one long step, and so would the copy that sending a BytesIO made of bytes takes.
    for piece in (head[:-1], b", ", *encoded[1:-1], *again, b"}"):
        body.write(piece)
    body.seek(0)
    return body
