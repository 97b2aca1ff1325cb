"""What the processes of a cluster are, and what they cost."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

import psutil

SERVICES = ("session", "llm", "vision", "stt", "tts")
PROCESSES = (*SERVICES, "gateway")


def descendants(pid: int) -> list[psutil.Process]:
    """Returns all processes under `pid`, workers of services included; none if `pid` is gone."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def service_pids(up_pid: int) -> dict[str, int]:
    """Returns the process id of each of the six processes that runs under a `quintet up`."""
    found = {}
    for process in _direct_children(up_pid):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            arguments = process.cmdline()
            for name in PROCESSES:
                if ["-m", f"quintet_{name}"] == arguments[1:3]:
                    found[name] = process.pid
    return found


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Returns those that still run; a zombie counts as gone. Ids that were given to other programs do not count."""
    running = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
    return running


def pss_mib(pids: Iterable[int]) -> float:
    """Returns the proportional set size of some processes together, in MiB."""
    total_kib = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total_kib += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total_kib / 1024


def open_files(pid: int) -> int:
    """Returns how many file descriptors a process holds."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _direct_children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []
