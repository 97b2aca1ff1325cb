"""Starts what is measured, and reads what it costs."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def started(module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[psutil.Process]:
    """Runs `python -m module` for the length of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=sys.stderr,
    ) as child:
        try:
            yield psutil.Process(child.pid)
        finally:
            child.terminate()
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()


def wait_for_port(port: int, within_s: float = 30.0) -> None:
    """Returns when something listens on the port."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def cpu_seconds(process: psutil.Process) -> float:
    """Returns the processor time of a process, user and system."""
    times = process.cpu_times()
    return float(times.user + times.system)


def pss_mib(root: psutil.Process) -> dict[str, float]:
    """Returns the proportional set size of a process and all of its descendants, by name and id."""
    sizes = {}
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
            arguments = process.cmdline()
            module = arguments[arguments.index("-m") + 1] if "-m" in arguments else arguments[0]
            sizes[f"{module} {process.pid}"] = int(line.split()[1]) / 1024
    return sizes


@contextlib.contextmanager
def quintet_up(data_dir: Path, *arguments: str) -> Iterator[tuple[psutil.Process, int, float]]:
    """Runs `quintet up` and gives the process, the port, and the seconds it took to be ready."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "quintet_cli", "up", "--port", "0", "--data-dir", str(data_dir), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        try:
            assert child.stdout is not None
            for line in child.stdout:
                if line.startswith("ready "):
                    port = int(line.strip().rpartition(":")[2])
                    yield psutil.Process(child.pid), port, time.perf_counter() - begun
                    break
            else:
                raise RuntimeError("quintet up ended before it was ready")
        finally:
            child.terminate()
            child.wait(30)
