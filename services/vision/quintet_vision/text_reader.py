"""The side of the text reader that lives in the service: starts the worker, talks to it, ends it."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from quintet_errors import DomainError, Reason
from quintet_vision.analysis.picture import Picture
from quintet_vision.engine import TextLine
from quintet_vision.text_worker import CANCEL, READ, REPLY_HEADER, REQUEST_HEADER, Reply, parse_reply

# An abandoned page is let go at its next line; a worker that takes longer is in the middle of something large.
_CANCEL_GRACE_S = 0.2
_START_S = 30.0
_LONGEST_STEP_S = 10.0


@dataclass(frozen=True)
class ReadText:
    """Lines in reading order; `complete` is false if the time for reading ran out."""

    lines: tuple[TextLine, ...] = ()
    complete: bool = True


class TextReader:
    """Reads one picture at a time in a worker process that is started on first use and after each end."""

    def __init__(self, *, threads: int, budget_s: float) -> None:
        self._arguments = (str(threads), str(budget_s))
        self._answer_s = _START_S + budget_s + _LONGEST_STEP_S
        self._worker: Process | None = None
        self._settling: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    @property
    def worker_pid(self) -> int | None:
        """Process id of the running worker, None without one."""
        return self._worker.pid if self._worker is not None and self._worker.returncode is None else None

    async def read(self, picture: Picture) -> ReadText:
        """Reads the text of a picture; cancelling stops the worker at its next line, or ends it.

        Raises:
            DomainError: ENGINE_FAILED if the worker failed; the next picture gets a new one.
        """
        async with self._my_turn():
            worker = await self._running()
            try:
                async with asyncio.timeout(self._answer_s):
                    reply = await _ask(worker, picture)
            except asyncio.CancelledError:
                self._settling = asyncio.create_task(self._abandon(worker))
                raise
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                await self._end_worker()
                raise _failed("its process ended or did not answer") from error
        if reply.error:
            raise _failed(reply.error)
        return ReadText(tuple(_lines(picture, reply)), reply.complete)

    async def close(self) -> None:
        """Ends the worker at once; the next picture would start a new one."""
        await self._end_worker()
        if self._settling is not None:
            await self._settling

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        async with self._turn:
            if self._settling is not None:
                await asyncio.shield(self._settling)
            yield

    async def _running(self) -> Process:
        if self._worker is None or self._worker.returncode is not None:
            try:
                # A session of its own: Ctrl-C at the terminal is for the service, which ends the worker in order.
                self._worker = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "quintet_vision.text_worker", *self._arguments),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                raise _failed("its process cannot be started") from error
        return self._worker

    async def _abandon(self, worker: Process) -> None:
        """Asks the worker to let go of its page and ends it if that takes long, so that the next page can come."""
        try:
            async with asyncio.timeout(_CANCEL_GRACE_S):
                _input(worker).write(REQUEST_HEADER.pack(CANCEL, 0, 0))
                await _receive(worker)
        except (OSError, EOFError, TimeoutError, ValueError):
            await self._end_worker()

    async def _end_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


async def _ask(worker: Process, picture: Picture) -> Reply:
    height, width = picture.pixels.shape[:2]
    writer = _input(worker)
    writer.write(REQUEST_HEADER.pack(READ, height, width))
    writer.write(picture.pixels.tobytes())
    await writer.drain()
    return await _receive(worker)


async def _receive(worker: Process) -> Reply:
    if worker.stdout is None:
        raise EOFError
    (length,) = REPLY_HEADER.unpack(await worker.stdout.readexactly(REPLY_HEADER.size))
    return parse_reply(await worker.stdout.readexactly(length))


def _input(worker: Process) -> asyncio.StreamWriter:
    if worker.stdin is None:
        raise EOFError
    return worker.stdin


def _lines(picture: Picture, reply: Reply) -> list[TextLine]:
    return [
        TextLine(line.text, line.confidence, picture.box(line.x, line.y, line.width, line.height))
        for line in reply.lines
    ]


def _failed(why: str) -> DomainError:
    return DomainError(
        Reason.ENGINE_FAILED,
        f"The text in the picture could not be read: {why}. Try again, or leave the text out.",
        {"step": "text"},
    )
