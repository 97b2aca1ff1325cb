"""One child process: started with a pipe to its life, read line by line, stopped with all that it started itself."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Self

_LONGEST_LINE = 1 << 20


class Child:
    """A running child process in a process group of its own."""

    def __init__(self, process: asyncio.subprocess.Process, life_line: int, reader: asyncio.Task[None]) -> None:
        self._process = process
        self._life_line = life_line
        self._reader = reader

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], on_line: Callable[[str], None]
    ) -> Self:
        """Starts a process; `on_line` hears every line of its standard output and standard error.

        Its standard input is a pipe that nothing is written to: the child reads its end when this process is gone,
        however it went. The terminal's Ctrl-C does not reach it, because it has a session of its own.
        """
        # Pipes of our own: asyncio's would keep `wait` from returning while a worker of a dead child holds them.
        child_input, life_line = os.pipe()
        output, child_output = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=child_input,
                stdout=child_output,
                stderr=child_output,
                env=dict(environment),
                start_new_session=True,
            )
        except OSError:
            os.close(life_line)
            os.close(output)
            raise
        finally:
            os.close(child_input)
            os.close(child_output)
        return cls(process, life_line, asyncio.create_task(_read(output, on_line)))

    async def wait(self) -> int:
        """Waits until it has ended and all it wrote is read; returns its exit code, negative for a signal."""
        code = await self._process.wait()
        # Workers that it left behind would hold its memory, its sockets and the pipe of its output.
        self.kill()
        os.close(self._life_line)
        await self._reader
        return code

    async def stop(self, grace_s: float) -> None:
        """Asks it to end, and kills it after `grace_s` seconds."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), grace_s)
        except TimeoutError:
            self.kill()

    def kill(self) -> None:
        """Kills it and everything that it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


async def _read(descriptor: int, on_line: Callable[[str], None]) -> None:
    stream = asyncio.StreamReader(_LONGEST_LINE)
    pipe = os.fdopen(descriptor, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), pipe
    )
    try:
        async for line in _lines(stream):
            on_line(line)
    finally:
        transport.close()


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    too_long = False
    while True:
        try:
            line = await stream.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            await stream.read(error.consumed)
            too_long = True
            continue
        except asyncio.IncompleteReadError as error:
            if error.partial:
                yield _text(error.partial)
            return
        yield f"(a line of more than {_LONGEST_LINE} bytes was dropped)" if too_long else _text(line)
        too_long = False


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip()
