"""`quintet serve`: one process in the foreground."""

import os

from quintet_cli.data_folder import problem_with
from quintet_cli.errors import CommandError, ExitCode
from quintet_cli.log_output import LogFormat
from quintet_cli.options import PROCESSES, Options
from quintet_cli.processes import GatewayPorts, command_of, shared_settings


def run_serve(name: str, options: Options, log_format: LogFormat) -> None:
    """Becomes the process, so that signals reach it itself; raises CommandError if it cannot."""
    if name not in PROCESSES:
        raise CommandError(f"{name!r} is not one of {', '.join(PROCESSES)}.", ExitCode.USAGE)
    if problem := problem_with(options.data_dir):
        raise CommandError(problem)
    settings = shared_settings(name, options) | {f"QUINTET_{name.upper()}_LOG_FORMAT": log_format.value}
    settings |= _port_settings(name, options)
    command = command_of(name)
    os.execve(command[0], list(command), os.environ | settings)  # noqa: S606 - no shell is involved


def _port_settings(name: str, options: Options) -> dict[str, str]:
    if name == "gateway":
        return GatewayPorts(options.ports).settings()
    return {f"QUINTET_{name.upper()}_LISTEN_ADDR": f"127.0.0.1:{options.ports[0]}"} if options.ports else {}
