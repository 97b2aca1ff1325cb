"""A child process for the tests of the supervisor: `supervised_child.py FOLDER NAME BEHAVIOUR`.

Writes what happens to it to FOLDER/journal, one line each, and makes FOLDER/NAME.ready when it serves.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

FOLDER, NAME, BEHAVIOUR = Path(sys.argv[1]), sys.argv[2], sys.argv[3]


def note(event: str) -> None:
    with (FOLDER / "journal").open("a") as journal:
        journal.write(f"{NAME} {event} {os.getpid()}\n")


def end_gracefully(*_arguments: object) -> None:
    note("stopped")
    sys.exit(0)


note("started")
if BEHAVIOUR == "crash":
    print("it cannot work like this", flush=True)
    sys.exit(3)
if BEHAVIOUR == "worker":
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (FOLDER / f"{NAME}.worker").write_text(str(worker.pid))
if BEHAVIOUR == "shout":
    print("x" * (3 << 20), flush=True)
    print("after the long line", flush=True)
signal.signal(signal.SIGTERM, signal.SIG_IGN if BEHAVIOUR == "stubborn" else end_gracefully)
(FOLDER / f"{NAME}.ready").touch()
while os.read(0, 100):
    pass
note("orphaned")
