"""The supervisor as a real process over real children that crash, hang, shout and get killed."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from quintet_testing import eventually

RUNNER = Path(__file__).parent / "run_supervisor.py"


@dataclass
class Run:
    """A supervisor at work."""

    folder: Path
    process: asyncio.subprocess.Process

    def journal(self) -> list[list[str]]:
        path = self.folder / "journal"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def pids(self, name: str) -> list[int]:
        return [int(pid) for child, event, pid in self.journal() if (child, event) == (name, "started")]

    def alive(self) -> list[int]:
        return [int(pid) for _, event, pid in self.journal() if event == "started" and _lives(int(pid))]

    async def ready(self) -> None:
        assert self.process.stdout
        assert await asyncio.wait_for(self.process.stdout.readline(), 20) == b"ready\n"

    async def log_until(self, found: Callable[[str], bool]) -> list[str]:
        assert self.process.stderr
        lines: list[str] = []
        while not (lines and found(lines[-1])):
            lines.append((await asyncio.wait_for(self.process.stderr.readline(), 20)).decode())
            assert lines[-1], "".join(lines)
        return lines

    async def end(self) -> tuple[int | None, str, str]:
        out, log = await asyncio.wait_for(self.process.communicate(), 20)
        return self.process.returncode, out.decode(), log.decode()


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def supervised(folder: Path, *children: str) -> AsyncIterator[Run]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(RUNNER), str(folder), *children,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    run = Run(folder, process)
    try:
        yield run
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
        for pid in run.alive():
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_one_signal_ends_all_in_order(tmp_path: Path, number: int) -> None:
    async with supervised(tmp_path, "a=serve", "b=serve", "user=serve") as run:
        await run.ready()
        run.process.send_signal(number)
        code, out, _ = await run.end()
        stopped = [name for name, event, _ in run.journal() if event == "stopped"]
        assert (code, out, run.alive()) == (0, "", [])
        assert sorted(stopped) == ["a", "b", "user"]
        assert stopped[0] == "user"


async def test_a_killed_child_is_back_soon_and_the_others_stay(tmp_path: Path) -> None:
    async with supervised(tmp_path, "a=serve", "b=serve") as run:
        await run.ready()
        (first,), (other,) = run.pids("a"), run.pids("b")
        killed = time.monotonic()
        os.kill(first, signal.SIGKILL)
        await run.log_until(lambda line: "a was killed by signal 9" in line)
        await run.log_until(lambda line: "a serves after" in line)
        print(f"back after {time.monotonic() - killed:.2f} s")
        assert time.monotonic() - killed < 5
        assert len(run.pids("a")) == 2
        assert run.alive() == [other, run.pids("a")[1]]
        run.process.send_signal(signal.SIGINT)
        assert (await run.end())[0] == 0


async def test_a_child_that_always_crashes_gets_longer_pauses_and_hurts_nobody(tmp_path: Path) -> None:
    async with supervised(tmp_path, "good=serve", "bad=crash") as run:
        lines = await run.log_until(lambda line: "bad ended" in line)
        for _ in range(2):
            lines += await run.log_until(lambda line: "bad ended" in line)
        pauses = [float(found[1]) for line in lines if (found := re.search(r"starts again in ([\d.]+) s", line))]
        assert 0.1 <= pauses[0] <= 0.2
        assert 0.2 <= pauses[1] <= 0.5
        assert 0.5 <= pauses[2] <= 1.0
        assert any("it cannot work like this" in line for line in lines)
        assert run.alive() == run.pids("good")
        run.process.send_signal(signal.SIGINT)
        code, out, _ = await run.end()
        assert (code, out, run.alive()) == (0, "", [])


async def test_one_that_must_start_and_does_not_ends_everything(tmp_path: Path) -> None:
    async with supervised(tmp_path, "a=serve", "!gate=crash") as run:
        code, out, log = await run.end()
        assert (code, out, run.alive()) == (1, "", [])
        assert log.splitlines()[-1] == "it cannot work like this"


async def test_a_killed_supervisor_leaves_no_orphans(tmp_path: Path) -> None:
    async with supervised(tmp_path, "a=serve", "b=serve") as run:
        await run.ready()
        assert len(run.alive()) == 2
        run.process.kill()
        await run.process.wait()

        async def all_gone() -> bool:
            return not run.alive()

        await eventually(all_gone)
        assert sorted(name for name, event, _ in run.journal() if event == "orphaned") == ["a", "b"]


async def test_the_second_signal_kills_at_once(tmp_path: Path) -> None:
    async with supervised(tmp_path, "a=stubborn") as run:
        await run.ready()
        run.process.send_signal(signal.SIGINT)
        await run.log_until(lambda line: "stopping" in line)
        asked = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        code, _, _ = await run.end()
        assert (code, run.alive()) == (0, [])
        assert time.monotonic() - asked < 5


async def test_what_a_killed_child_started_dies_with_it(tmp_path: Path) -> None:
    async with supervised(tmp_path, "a=worker") as run:
        await run.ready()
        worker = int((tmp_path / "a.worker").read_text())
        assert _lives(worker)
        os.kill(run.pids("a")[0], signal.SIGKILL)
        await run.log_until(lambda line: "a serves after" in line)
        await run.log_until(lambda line: "a serves after" in line)
        assert not _lives(worker)
        run.process.send_signal(signal.SIGTERM)
        assert (await run.end())[0] == 0
        assert not _lives(int((tmp_path / "a.worker").read_text()))


async def test_endless_lines_are_dropped_and_the_next_are_shown(tmp_path: Path) -> None:
    async with supervised(tmp_path, "a=shout") as run:
        lines = await run.log_until(lambda line: "after the long line" in line)
        assert any("was dropped" in line for line in lines)
        run.process.send_signal(signal.SIGINT)
        assert (await run.end())[0] == 0


async def test_a_terminal_that_does_not_read_stops_no_supervision(tmp_path: Path) -> None:
    # Nobody reads the log of this one: a pipe holds 64 KiB, and the supervisor must restart its child all the same.
    async with supervised(tmp_path, "loud=shout", "a=serve") as run:
        await run.ready()
        os.kill(run.pids("a")[0], signal.SIGKILL)

        async def restarted() -> bool:
            return len(run.pids("a")) == 2

        await eventually(restarted)
        run.process.send_signal(signal.SIGINT)
        assert (await run.end())[0] == 0
