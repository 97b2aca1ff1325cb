"""Asks the program that knows the prices of language models, and starts it when it is needed."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.remembered import Remembered
from quintet_observability import get_logger

_log = get_logger(__name__)

_PROGRAM = Path(__file__).with_name("price_program.py")
_DEADLINE_S = 30.0
# Broken data stay broken for a while, and each trial costs a process and a third of a second of a processor.
_RETRY_S = 30.0
_LONGEST_LINE = 1 << 20
_BROKEN = (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError)

Row = dict[str, Any]


class PriceBook:
    """One child process at a time; it ends by itself when nobody asks. Methods raise SERVICE_UNAVAILABLE.

    `file` holds the operator's own data, in the format of genai-prices; without it, the data of the package are used,
    which `fetch` replaces by those that the package's maintainers publish. After data that could not be read, they are
    not tried again for 30 seconds. `program` is run with this Python; `clock` tells seconds.
    """

    def __init__(
        self, file: Path | None = None, *, program: Path = _PROGRAM, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = file
        self._path = program
        self._clock = clock
        self._program: _Program | None = None
        self._starting = asyncio.Lock()
        # Nothing of it is kept: it only lets all who come meanwhile share one start, which no one of them can cancel.
        self._ready = Remembered(self._start_missing, 0)
        self._retry_at = float("-inf")

    async def entries(self, *, fetch: bool = False, retry: bool = False) -> list[Row]:
        """Reads the data again and returns every model that they hold; if that fails, the data stay as they were.

        `retry` tries also shortly after a failure.
        """
        async with self._starting:
            if retry:
                self._retry_at = float("-inf")
            program, rows = await self._start(fetch=fetch)
            old, self._program = self._program, program
            if old is not None:
                await old.stop()
            return rows

    async def find(self, provider: str, model: str) -> tuple[str, str] | None:
        """Returns the ids of provider and model that these names stand for; None if no data hold them."""
        found = await self._ask({"ask": "find", "provider": provider, "model": model})
        return (found[0]["provider"], found[0]["model"]) if found else None

    async def cost_micro_usd(self, provider: str, model: str, input_tokens: int, output_tokens: int) -> int:
        """Returns a price in millionths of a US dollar; 0 for a model that no data hold."""
        asked = {"provider": provider, "model": model, "input_tokens": input_tokens, "output_tokens": output_tokens}
        return int((await self._ask({"ask": "cost", **asked}))[0]["micro"])

    async def get_ready(self) -> None:
        """Starts the program, so that the next question is answered at once."""
        if not self._is_running:
            await self._ready.get()

    async def close(self) -> None:
        """Ends the program."""
        async with self._starting:
            if self._program is not None:
                await self._program.stop()

    async def _ask(self, request: Row) -> list[Row]:
        await self.get_ready()
        try:
            return await self._ask_program(request)
        except DomainError:
            # It may have ended in the moment when it was asked, because nobody had asked for long.
            await self.get_ready()
            return await self._ask_program(request)

    async def _ask_program(self, request: Row) -> list[Row]:
        program = self._program
        if program is None:
            raise _unreadable()
        return await program.ask(request)

    @property
    def _is_running(self) -> bool:
        return self._program is not None and not self._program.has_ended

    async def _start_missing(self) -> None:
        async with self._starting:
            if not self._is_running:
                self._program, _ = await self._start()

    async def _start(self, *, fetch: bool = False) -> tuple["_Program", list[Row]]:
        if self._clock() < self._retry_at and not fetch:
            raise _unreadable()
        try:
            return await self._load(fetch=fetch)
        except DomainError:
            # A server that could not be reached says nothing about the data that are here.
            if not fetch:
                self._retry_at = self._clock() + _RETRY_S
            raise

    async def _load(self, *, fetch: bool) -> tuple["_Program", list[Row]]:
        program = await _Program.start(self._path)
        try:
            return program, await program.ask({"ask": "load", "file": str(self._file or ""), "fetch": fetch})
        except BaseException:
            await program.stop()
            raise


class _Program:
    """A running `price_program`; one request is under way at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asking = asyncio.Lock()
        self._exchange: asyncio.Future[list[Row]] | None = None

    @classmethod
    async def start(cls, path: Path) -> "_Program":
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(path)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LONGEST_LINE,
                # Ctrl-C in a terminal is for the gateway, which ends its child itself.
                start_new_session=True,
            )
        except OSError as error:
            raise _unreadable() from error
        return cls(process)

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def ask(self, request: Row) -> list[Row]:
        """Returns the answer; one who leaves does not end the program, which others use as well."""
        async with self._asking:
            if self._exchange is not None:
                # Whoever left it would have its answer taken for that to the next request.
                await asyncio.wait({self._exchange})
            self._exchange = asyncio.ensure_future(self._exchange_in_time(request))
            self._exchange.add_done_callback(_mark_seen)
            return await asyncio.shield(self._exchange)

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _exchange_in_time(self, request: Row) -> list[Row]:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                return await self._write_and_read(request)
        except _BROKEN as error:
            _log.warning("price_program_failed", ask=request["ask"], error=type(error).__name__)
            await self.stop()
            raise _unreadable() from error

    async def _write_and_read(self, request: Row) -> list[Row]:
        writer, reader = self._process.stdin, self._process.stdout
        if writer is None or reader is None:
            raise BrokenPipeError
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
        head = json.loads(await reader.readuntil())
        if "error" in head:
            raise ValueError(head["error"])
        return [json.loads(await reader.readuntil()) for _ in range(head["count"])]


def _mark_seen(exchange: asyncio.Future[list[Row]]) -> None:
    """Keeps the loop from complaining of a failure whose only reader has left."""
    if not exchange.cancelled():
        exchange.exception()


def _unreadable() -> DomainError:
    return DomainError(Reason.SERVICE_UNAVAILABLE, "The catalogue of models can't be read.")
