"""Keeps a set of processes running: starts them, restarts what dies, and ends all of them together.

One that dies again and again does not disturb the others; it is started again after ever longer pauses.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from quintet_cli.child import Child
from quintet_cli.log_output import LogOutput, parse_event
from quintet_rpc.settings import EXIT_WRONG_SETTINGS

BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
# A process that served for so long has recovered: its next death is a new story.
STABLE_S = 30.0
_PROBE_INTERVAL_S = 0.1


class StartFailedError(Exception):
    """A process ended before it had started; `str()` is what it said last."""


@dataclass(frozen=True)
class ProcessSpec:
    """One process to keep running.

    `prepare` is called before every start, clears what a killed predecessor left, and returns the environment.
    `probe` tells whether it serves. `heard` gets every line that it writes. If it ends while `has_started` is false,
    the whole run ends, because to start it again would fail in the same way.
    """

    name: str
    command: Sequence[str]
    prepare: Callable[[], Mapping[str, str]]
    probe: Callable[[], Awaitable[bool]]
    heard: Callable[[str], None] = lambda _line: None
    has_started: Callable[[], bool] = lambda: True


class Supervisor:
    """Runs processes until it is told to stop. The last in the sequence is stopped first, as it uses the others."""

    def __init__(
        self, specs: Sequence[ProcessSpec], output: LogOutput, *, grace_s: float, on_ready: Callable[[], None]
    ):
        self._keepers = [_Keeper(spec, output, self._one_is_ready) for spec in specs]
        self._output = output
        self._grace_s = grace_s
        self._on_ready = on_ready
        self._stop = asyncio.Event()
        self._announced = False

    def stop(self) -> None:
        """Ends the run gracefully; the second call ends it at once."""
        if self._stop.is_set():
            self._output.event("killing all processes")
            for keeper in self._keepers:
                keeper.kill()
        else:
            self._output.event("stopping; once more ends it at once")
        self._stop.set()

    async def run(self) -> None:
        """Returns after `stop`, when every process has ended; raises StartFailedError, with every process ended."""
        tasks = [asyncio.create_task(keeper.keep()) for keeper in self._keepers]
        stopped = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            await self._end_all(tasks)
        for task in done - {stopped}:
            task.result()

    async def _end_all(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        for keeper in self._keepers:
            keeper.give_up()
        *servers, user = self._keepers
        await user.end(self._grace_s)
        await asyncio.gather(*(server.end(self._grace_s) for server in servers))
        await asyncio.gather(*tasks, return_exceptions=True)

    def _one_is_ready(self) -> None:
        if not self._announced and all(keeper.is_ready for keeper in self._keepers):
            self._announced = True
            self._on_ready()


class _Keeper:
    """Keeps one process running."""

    def __init__(self, spec: ProcessSpec, output: LogOutput, on_ready: Callable[[], None]) -> None:
        self._spec = spec
        self._output = output
        self._on_ready = on_ready
        self._giving_up = asyncio.Event()
        self._child: Child | None = None
        self._last_line = ""
        self.is_ready = False

    async def keep(self) -> None:
        """Runs the process again and again until `give_up`."""
        failures = 0
        while not self._giving_up.is_set():
            started = time.monotonic()
            code = await self._run_once()
            if self._giving_up.is_set():
                return
            if code == EXIT_WRONG_SETTINGS or not self._spec.has_started():
                raise StartFailedError(self._last_line or f"{self._spec.name} ended with code {code}")
            failures = 0 if time.monotonic() - started > STABLE_S else failures
            await self._pause(code, BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            failures += 1

    def give_up(self) -> None:
        """Starts it no more."""
        self._giving_up.set()

    async def end(self, grace_s: float) -> None:
        """Ends the process that runs now, if any."""
        if self._child is not None:
            await self._child.stop(grace_s)

    def kill(self) -> None:
        """Ends it at once."""
        if self._child is not None:
            self._child.kill()

    async def _run_once(self) -> int:
        child = await Child.start(self._spec.command, self._spec.prepare(), self._hear)
        self._child = child
        if self._giving_up.is_set():
            # The end was asked for while the process was being made, so nobody else has seen it.
            child.kill()
        watch = asyncio.create_task(self._watch_readiness())
        try:
            return await child.wait()
        finally:
            watch.cancel()
            self.is_ready = False
            self._child = None

    async def _pause(self, code: int, longest_s: float) -> None:
        # Jitter keeps processes that died together from starting together for ever.
        pause = longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        ending = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self._output.event(f"{self._spec.name} {ending}; it starts again in {pause:.1f} s")
        try:
            await asyncio.wait_for(self._giving_up.wait(), pause)
        except TimeoutError:
            return

    async def _watch_readiness(self) -> None:
        started = time.monotonic()
        while not await self._spec.probe():  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(_PROBE_INTERVAL_S)
        self.is_ready = True
        self._output.event(f"{self._spec.name} serves after {time.monotonic() - started:.1f} s")
        self._on_ready()

    def _hear(self, line: str) -> None:
        if line and parse_event(line) is None:
            # A process says in plain words why it cannot start.
            self._last_line = line
        self._spec.heard(line)
        self._output.line(self._spec.name, line)
