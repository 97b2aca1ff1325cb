"""Answers of megabytes: built and encoded in threads, in steps so short that the event loop gets its turns.

The C code behind `json` and `base64` never lets another thread run before it returns, so that one call for a whole
answer would hold up the loop from a thread as well.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from json.encoder import encode_basestring_ascii

from aiohttp import web

from quintet_gateway.dialects.nexus.envelope import frame, respond, succeed
from quintet_gateway.dialects.nexus.json_values import Json

LARGE_BYTES = 256 << 10
MANY_ITEMS = 500
_STEP = 64 << 10
_THREADS = 2


class Answers:
    """Answers small things at once and large ones out of two threads; more large ones wait for a thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="answer")

    async def close(self, _app: web.Application | None = None) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def succeed(
        self, build: Callable[[], Mapping[str, Json]], *, large: bool, repeat: bool = True
    ) -> web.Response:
        """Answers with the fields that `build` returns, as `envelope.succeed` does; if `large`, it runs in a thread."""
        if not large:
            return succeed(build(), repeat=repeat)

        def work() -> BytesIO:
            return _encode(build(), repeat=repeat)

        return respond(await asyncio.get_running_loop().run_in_executor(self._threads, work))


def pieces(value: Json) -> Iterator[bytes]:
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
