"""Takes from a worker process what reading a document does not need."""

import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

_FORBIDDEN = (
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
)
_PACKAGE = Path(__file__).resolve().parents[1]


def confine(memory_bytes: int, _work: Callable[..., Any]) -> None:
    """Limits memory, and forbids files beside Python's own, connections and programs for the rest of the process.

    `_work` is what the process is for; naming it here has its module loaded before files are forbidden.
    """
    # Ctrl-C goes to the whole group; the gateway ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Parsers complain about every flaw of a file, with words of its content.
    logging.disable(logging.CRITICAL)
    for kind, limit in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    readable = tuple(f"{os.path.realpath(path)}{os.sep}" for path in (sys.prefix, sys.base_prefix, _PACKAGE))

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN:
            raise PermissionError(f"{event} is forbidden here")
        if event == "open" and isinstance(arguments[0], str | bytes) and not _may_open(arguments, readable):
            raise PermissionError("files are forbidden here")

    sys.addaudithook(refuse)


def _may_open(arguments: tuple[Any, ...], readable: tuple[str, ...]) -> bool:
    path, _mode, flags = arguments
    writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    return not writes and os.path.realpath(os.fsdecode(path)).startswith(readable)


def _end_with_parent() -> None:
    """A gateway that was killed cannot end its workers."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
