"""What a worker process may be made to do by a document; a process finds it by importing this module."""

import os
import signal
import socket
import sys
from pathlib import Path

from quintet_gateway.documents.unreadable import UnreadableError
from quintet_gateway.documents.worker import read_document


def misbehave(form, data):
    """Does what a document of one word says, and reads any other."""
    action = _ACTIONS.get(bytes(data))
    return action() if action else read_document(form, data)


def _hang():
    while True:
        pass


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _swell():
    try:
        bytearray(4 << 30)
    except MemoryError:
        raise UnreadableError("swells") from None


class EndsOnArrival:
    """Ends the process that it is sent to."""

    def __reduce__(self):
        return os._exit, (3,)

    def __call__(self, form, data):
        os._exit(4)


_ACTIONS = {
    b"hang": _hang,
    b"die": _die,
    b"swell": _swell,
    b"read": lambda: Path("/etc/hostname").read_text(),
    b"write": lambda: Path(sys.prefix, "written-by-a-worker").write_text("x"),
    b"connect": lambda: socket.create_connection(("127.0.0.1", 9)),
    b"run": lambda: os.system("true"),  # noqa: S605
}
