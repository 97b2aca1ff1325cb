"""`quintet up`: all six processes on this machine, until Ctrl-C."""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence

from quintet_cli.data_folder import claim
from quintet_cli.errors import CommandError
from quintet_cli.log_output import LogFormat, LogOutput
from quintet_cli.options import SERVICE_PORTS, Options
from quintet_cli.ports import is_free
from quintet_cli.processes import GatewayPorts, gateway_spec, service_spec, service_target
from quintet_cli.runtime_folder import runtime_folder
from quintet_cli.session_address import published
from quintet_cli.supervisor import ProcessSpec, StartFailedError, Supervisor

# Longer than the processes' own grace, so that they end themselves.
_GRACE_S = 15.0


def run_up(options: Options, log_format: LogFormat) -> None:
    """Runs until it is stopped; raises CommandError if it cannot start."""
    lock = claim(options.data_dir)
    _check_ports(options.ports)
    output = LogOutput(log_format)
    try:
        with runtime_folder() as runtime_dir, published(options.data_dir, service_target("session", runtime_dir)):
            ports = GatewayPorts(options.ports)
            services = [service_spec(name, options, runtime_dir) for name in SERVICE_PORTS]
            asyncio.run(
                supervise([*services, gateway_spec(options, runtime_dir, ports)], output, lambda: _announce(ports))
            )
    finally:
        output.close()
        lock.release()


async def supervise(specs: Sequence[ProcessSpec], output: LogOutput, on_ready: Callable[[], None]) -> None:
    """Runs processes until SIGINT or SIGTERM; raises CommandError if one could not start."""
    supervisor = Supervisor(specs, output, grace_s=_GRACE_S, on_ready=on_ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stop)
    try:
        await supervisor.run()
    except StartFailedError as error:
        raise CommandError(str(error)) from None


def _announce(ports: GatewayPorts) -> None:
    try:
        sys.stdout.write(f"ready {ports.address}\n")
        sys.stdout.flush()
    except OSError:
        # Nobody reads; the processes serve all the same.
        return


def _check_ports(ports: Sequence[int]) -> None:
    busy = [str(port) for port in ports if port and not is_free(port)]
    if busy:
        raise CommandError(
            f"Port {', '.join(busy)} is in use by another program; choose another with --port, or 0 for any."
        )
