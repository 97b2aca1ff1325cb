"""The real six processes, started by `quintet up` as a person would."""

import contextlib
import json
import os
import queue
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

from framework.process_tree import PROCESSES, SERVICES, alive, descendants, open_files, pss_mib, service_pids
from framework.waiting import wait_until

READY_WITHIN_S = 90.0
STOPPED_WITHIN_S = 30.0
# Slower than any answer here, faster than a test run gives up.
_HTTP_TIMEOUT_S = 60.0
_TAIL_LINES = 60
# Nothing here speaks TLS, and to load the usual certificates costs each new client 20 ms.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Cluster:
    """One running `quintet up`; its data, its temporary files and its log lie in `folder`."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.base_url = ""
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def temporary_dir(self) -> Path:
        return self.folder / "tmp"

    @property
    def log_path(self) -> Path:
        return self.folder / "up.log"

    @property
    def port(self) -> int:
        """The gateway's port."""
        return int(self.base_url.rpartition(":")[2])

    def wait_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Returns when `quintet up` has said that everything serves."""
        deadline = time.monotonic() + within_s
        while not self.base_url:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"not ready after {within_s} s; its log ends:\n{self.log_tail()}") from None
            if line is None:
                raise RuntimeError(f"`quintet up` ended before it was ready:\n{self.log_tail()}")
            if line.startswith("ready "):
                self.base_url = line.split()[1]

    def client(self, **options: Any) -> httpx.Client:
        """Opens an HTTP client of the gateway; the caller closes it."""
        options = {"timeout": _HTTP_TIMEOUT_S, "verify": NO_TLS} | options
        return httpx.Client(base_url=self.base_url, trust_env=False, **options)

    def events(self, name: str = "", service: str = "") -> list[dict[str, Any]]:
        """Returns the log's events so far, optionally of one name or one service."""
        found = []
        for line in self.log_path.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if name in ("", event.get("event")) and service in ("", event.get("service")):
                    found.append(event)
        return found

    def log_tail(self, lines: int = _TAIL_LINES) -> str:
        """Returns the end of the log, for messages of failed tests."""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def grpc_address(self, service: str) -> str:
        """Returns the loopback address of a service's gRPC server."""
        return f"127.0.0.1:{self.events('listening', service)[-1]['ports'][0]}"

    def metrics_url(self, process: str) -> str:
        """Returns where a process shows its metrics."""
        if process == "gateway":
            return f"{self.base_url}/metrics"
        return f"http://127.0.0.1:{self.events('metrics_listening', process)[-1]['port']}/metrics"

    def pids(self) -> dict[str, int]:
        """Returns the id of each of the six processes that runs now."""
        return service_pids(self.process.pid)

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Sends a signal to one of the six processes and returns its id."""
        pid = self.pids()[name]
        os.kill(pid, number)
        return pid

    def wait_restarted(self, name: str, old_pid: int, within_s: float) -> None:
        """Returns when another process has taken the place of `old_pid`."""
        wait_until(lambda: self.pids().get(name, old_pid) != old_pid, within_s, f"a new {name} process")

    def pss_mib(self) -> float:
        """Returns the memory of `up`, the six processes and their workers, in MiB."""
        return pss_mib([self.process.pid, *(process.pid for process in descendants(self.process.pid))])

    def open_files(self) -> dict[str, int]:
        """Returns the number of file descriptors of each of the six processes."""
        return {name: open_files(pid) for name, pid in self.pids().items()}

    def files(self) -> set[str]:
        """Returns every file in the data folder and the temporary folder, without the log files of the database."""
        paths = [path for top in (self.data_dir, self.temporary_dir) for path in top.rglob("*") if path.exists()]
        return {str(path.relative_to(self.folder)) for path in paths if not path.name.endswith(("-wal", "-shm"))}

    def stop(self, number: int = signal.SIGTERM, within_s: float = STOPPED_WITHIN_S) -> None:
        """Ends the cluster as Ctrl-C or a service manager would; asserts a clean end without orphans."""
        tree = descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            kill_tree([psutil.Process(self.process.pid), *tree])
            raise AssertionError(f"still running {within_s} s after the signal:\n{self.log_tail()}") from None
        orphans = alive(tree)
        kill_tree(orphans)
        assert not orphans, f"left behind: {orphans}"
        assert code == 0, f"exit code {code}; the log ends:\n{self.log_tail()}"

    def abandon(self) -> None:
        """Kills what is left, without a word; for the end of a test that has failed already."""
        tree = descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOPPED_WITHIN_S)
        kill_tree(tree)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)


def kill_tree(processes: Sequence[psutil.Process]) -> None:
    """Kills processes that may be gone already."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def up_command(data_dir: Path, *arguments: str) -> list[str]:
    """Returns the command line of `quintet up` over a data folder."""
    return [sys.executable, "-m", "quintet_cli", "up", "--data-dir", str(data_dir), *arguments]


def environment(folder: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns an environment without foreign settings, in which every process takes any free port."""
    foreign = ("QUINTET_", "OPENAI_", "ADMIN_EMAIL", "ADMIN_PASSWORD")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    for service in SERVICES:
        mine[f"QUINTET_{service.upper()}_LISTEN_ADDR"] = "127.0.0.1:0"
        mine[f"QUINTET_{service.upper()}_METRICS_ADDR"] = "127.0.0.1:0"
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return mine | {"TMPDIR": str(temporary)} | dict(settings or {})


def launch(folder: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Cluster:
    """Starts `quintet up` without waiting for it; the caller stops it."""
    command = up_command(folder / "data", "--port", "0", "--log-format", "json", *arguments)
    env = environment(folder, settings)
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
    return Cluster(process, folder)


@contextlib.contextmanager
def running(
    folder: Path, *, engines: str = "scripted", limits: str = "off", settings: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """Gives a cluster that serves, and asserts its clean end."""
    cluster = launch(folder, "--engines", engines, "--limits", limits, settings=settings)
    try:
        cluster.wait_ready()
        assert cluster.pids().keys() == set(PROCESSES)
        yield cluster
    except BaseException:
        cluster.abandon()
        raise
    cluster.stop()
