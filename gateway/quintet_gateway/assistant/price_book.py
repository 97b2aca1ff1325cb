"""Asks the program that knows the prices of language models, and starts it when it is needed."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from quintet_errors import DomainError, Reason
from quintet_observability import get_logger

_log = get_logger(__name__)

_PROGRAM = Path(__file__).with_name("price_program.py")
_DEADLINE_S = 30.0
_LONGEST_LINE = 1 << 20
_BROKEN = (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError)

Row = dict[str, Any]


class PriceBook:
    """One child process at a time; it ends by itself when nobody asks. Methods raise SERVICE_UNAVAILABLE.

    `file` holds the operator's own data, in the format of genai-prices; without it, the data of the package are used,
    which `fetch` replaces by those that the package's maintainers publish.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._program: _Program | None = None
        self._starting = asyncio.Lock()

    async def entries(self, *, fetch: bool = False) -> list[Row]:
        """Reads the data again and returns every model that they hold; if that fails, the data stay as they were."""
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
        async with self._starting:
            if self._program is None or self._program.has_ended:
                self._program, _ = await self._start()

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

    async def _start(self, *, fetch: bool = False) -> tuple["_Program", list[Row]]:
        program = await _Program.start()
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

    @classmethod
    async def start(cls) -> "_Program":
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(_PROGRAM)),
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
        async with self._asking:
            try:
                async with asyncio.timeout(_DEADLINE_S):
                    return await self._exchange(request)
            except _BROKEN as error:
                _log.warning("price_program_failed", ask=request["ask"], error=type(error).__name__)
                await self.stop()
                raise _unreadable() from error
            except asyncio.CancelledError:
                # The answer to this request would be taken for the answer to the next one.
                await self.stop()
                raise

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _exchange(self, request: Row) -> list[Row]:
        writer, reader = self._process.stdin, self._process.stdout
        if writer is None or reader is None:
            raise BrokenPipeError
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
        head = json.loads(await reader.readuntil())
        if "error" in head:
            raise ValueError(head["error"])
        return [json.loads(await reader.readuntil()) for _ in range(head["count"])]


def _unreadable() -> DomainError:
    return DomainError(Reason.SERVICE_UNAVAILABLE, "The catalogue of models can't be read.")
