"""Runs the supervisor over children: `run_supervisor.py FOLDER NAME=BEHAVIOUR...`, with `!` if it must start."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from quintet_cli.errors import CommandError
from quintet_cli.log_output import LogFormat, LogOutput
from quintet_cli.supervisor import ProcessSpec
from quintet_cli.up import supervise

FOLDER = Path(sys.argv[1])
CHILD = Path(__file__).parent / "supervised_child.py"


def spec(argument: str) -> ProcessSpec:
    name, _, behaviour = argument.lstrip("!").partition("=")
    ready = FOLDER / f"{name}.ready"

    def prepare() -> Mapping[str, str]:
        ready.unlink(missing_ok=True)
        return os.environ

    async def probe() -> bool:
        return ready.exists()

    command = (sys.executable, str(CHILD), str(FOLDER), name, behaviour)
    must_start = argument.startswith("!")
    return ProcessSpec(name, command, prepare, probe, has_started=lambda: not must_start or ready.exists())


output = LogOutput(LogFormat.CONSOLE)
try:
    asyncio.run(supervise([spec(argument) for argument in sys.argv[2:]], output, lambda: print("ready", flush=True)))
except CommandError as error:
    output.close()
    sys.exit(str(error))
finally:
    output.close()
