"""Request bodies: sized while they are read, and cut off when they come slower than any real network."""

import asyncio
import json
import time
from dataclasses import dataclass

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from quintet_gateway.http.failures import FailureKind, HttpError, too_large

MAX_JSON_BYTES = 1 << 20


@dataclass(frozen=True)
class Pace:
    """How slowly a body may come: `silence_s` between two reads, then `min_bytes_per_s` on average.

    A form has a deadline as well, for it holds memory that others wait for: `silence_s` and the time that its size
    takes at `form_bytes_per_s`, but at most `longest_form_s`.
    """

    silence_s: float = 20.0
    min_bytes_per_s: int = 4096
    form_bytes_per_s: int = 64 << 10
    longest_form_s: float = 120.0

    def form_s(self, size: int) -> float:
        """Returns the time in seconds that a form of `size` bytes may take."""
        return min(self.silence_s + size / self.form_bytes_per_s, self.longest_form_s)


PACE: web.AppKey[Pace] = web.AppKey("pace", Pace)


async def read_body(request: web.Request, max_bytes: int = MAX_JSON_BYTES) -> bytes:
    """Reads a small body.

    Raises:
        HttpError: JSON_TOO_LARGE, BODY_TOO_SLOW or MALFORMED_JSON.
    """
    announced = request.content_length or 0
    if announced > max_bytes:
        raise too_large(FailureKind.JSON_TOO_LARGE, max_bytes, announced)
    body = bytearray()
    try:
        # A small body on any network arrives in the time that a large one may be silent.
        async with asyncio.timeout(request.app[PACE].silence_s):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > max_bytes:
                    raise too_large(FailureKind.JSON_TOO_LARGE, max_bytes, len(body))
    except TimeoutError:
        raise too_slow() from None
    except (web.RequestPayloadError, HttpProcessingError):
        raise HttpError(FailureKind.MALFORMED_JSON, "The body is incomplete.") from None
    return bytes(body)


def parse_json(body: bytes) -> object:
    """Parses strict JSON: UTF-8 without a byte order mark, no NaN or Infinity. Of equal keys the last one counts.

    Raises:
        HttpError: MALFORMED_JSON.
    """
    try:
        text = body.decode("utf-8")
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise HttpError(FailureKind.MALFORMED_JSON, "The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise HttpError(FailureKind.MALFORMED_JSON, "The body is not UTF-8.") from None
    except ValueError as error:
        # Numbers of thousands of digits come here as well.
        raise HttpError(FailureKind.MALFORMED_JSON, f"The body is not JSON: {_first_line(error)}") from None
    return value


def too_slow() -> HttpError:
    """Returns the failure of a body that comes too slowly; the connection is not worth keeping."""
    return HttpError(FailureKind.BODY_TOO_SLOW, "The body did not arrive in time.", headers={"Connection": "close"})


class PacedBody:
    """A request's stream for a parser of its own: counts bytes, refuses the surplus, cuts off slow senders.

    It offers exactly what aiohttp's multipart parser calls. Lines make up boundaries and part headers only; a body of
    a million of them would keep the parser busy for minutes.
    """

    _MAX_LINES = 4096

    def __init__(self, content: StreamReader, max_bytes: int, pace: Pace) -> None:
        self._content = content
        self._max_bytes = max_bytes
        self._pace = pace
        self._started = time.monotonic()
        self._lines = 0
        self.received_bytes = 0

    async def read(self, size: int = -1) -> bytes:
        """Reads at most `size` bytes."""
        try:
            async with asyncio.timeout(self._pace.silence_s):
                return self._count(await self._content.read(size))
        except TimeoutError:
            raise too_slow() from None

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        """Reads up to the end of a line."""
        self._lines += 1
        if self._lines > self._MAX_LINES:
            raise HttpError(FailureKind.MALFORMED_FORM, f"The form has more than {self._MAX_LINES} lines of headers.")
        try:
            async with asyncio.timeout(self._pace.silence_s):
                return self._count(await self._content.readline(max_line_length=max_line_length))
        except TimeoutError:
            raise too_slow() from None

    def unread_data(self, data: bytes) -> None:
        """Gives bytes back, to be read again."""
        self.received_bytes -= len(data)
        self._content.unread_data(data)

    def at_eof(self) -> bool:
        """Tells whether everything has been read."""
        return self._content.at_eof()

    def _count(self, data: bytes) -> bytes:
        self.received_bytes += len(data)
        if self.received_bytes > self._max_bytes:
            raise too_large(FailureKind.UPLOAD_TOO_LARGE, self._max_bytes, self.received_bytes)
        spare = time.monotonic() - self._started - self._pace.silence_s
        if spare > 0 and self.received_bytes < spare * self._pace.min_bytes_per_s:
            raise too_slow()
        return data


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number of JSON")


def _first_line(error: ValueError) -> str:
    return str(error).partition("\n")[0][:200]
