"""JSON of megabytes: encoded in threads, in steps so short that the event loop gets its turns.

The C code behind `json` and `base64` never lets another thread run before it returns, so that one call for a whole
answer would hold up the loop from a thread as well.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from json.encoder import encode_basestring_ascii
from typing import TypeVar

from aiohttp import web

LARGE_BYTES = 256 << 10
MANY_ITEMS = 500
_STEP = 64 << 10
_THREADS = 2

Encoded = TypeVar("Encoded")


class JsonThreads:
    """Encodes in two threads; more large answers wait for one of them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="json")

    async def close(self, _app: web.Application | None = None) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def run(self, encode: Callable[[], Encoded]) -> Encoded:
        """Returns what `encode` returns in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, encode)

    async def respond(self, build: Callable[[], object], *, large: bool) -> web.Response:
        """Answers with the JSON of what `build` returns; if `large`, it is built in a thread and sent bit by bit."""
        if not large:
            return web.json_response(build())
        body = await self.run(lambda: _joined(build()))
        return web.Response(body=body, content_type="application/json", charset="utf-8")


def pieces(value: object) -> Iterator[bytes]:
    """Yields what `json.dumps` makes of a value, cut so that no call encodes more than 64 KiB or one item of a list."""
    if isinstance(value, str):
        yield from _string(value)
    elif isinstance(value, Mapping):
        yield b"{"
        for number, (key, child) in enumerate(value.items()):
            yield f"{', ' if number else ''}{json.dumps(key)}: ".encode("ascii")
            yield from pieces(child)
        yield b"}"
    elif isinstance(value, Sequence):
        yield b"["
        for number, item in enumerate(value):
            yield f"{', ' if number else ''}{json.dumps(item)}".encode("ascii")
        yield b"]"
    else:
        yield json.dumps(value).encode("ascii")


def _string(text: str) -> Iterator[bytes]:
    yield b'"'
    for start in range(0, len(text), _STEP):
        yield encode_basestring_ascii(text[start : start + _STEP])[1:-1].encode("ascii")
    yield b'"'


def _joined(value: object) -> BytesIO:
    body = BytesIO()
    # Joining the pieces would be one long step, and so would the copy that sending a BytesIO made of bytes takes.
    for piece in pieces(value):
        body.write(piece)
    body.seek(0)
    return body
