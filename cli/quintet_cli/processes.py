"""The six processes of Quintet: how each is started, and how it is known to serve."""

import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quintet_cli.log_output import parse_event
from quintet_cli.options import MODEL_SERVICES, SERVICE_PORTS, Options
from quintet_cli.ports import free_port_near
from quintet_cli.probes import gateway_complete, grpc_health
from quintet_cli.supervisor import ProcessSpec


def command_of(name: str) -> Sequence[str]:
    """The command line of a process."""
    return sys.executable, "-m", f"quintet_{name}"


def shared_settings(name: str, options: Options) -> dict[str, str]:
    """Settings of process `name` that do not depend on who starts it."""
    prefix = f"QUINTET_{name.upper()}_"
    settings = {f"{prefix}DATA_DIR": str(options.data_dir)}
    if name in MODEL_SERVICES and options.engines != "auto":
        settings[f"{prefix}ENGINE"] = options.engines
    if name == "gateway":
        settings[f"{prefix}LIMITS"] = options.limits
    return settings


def service_spec(name: str, options: Options, runtime_dir: Path) -> ProcessSpec:
    """A gRPC service on a Unix socket, for the gateway, and on a loopback port, for other clients."""
    socket = runtime_dir / f"{name}.sock"
    prefix = f"QUINTET_{name.upper()}_"
    port = free_port_near(SERVICE_PORTS[name])
    defaults = {f"{prefix}LISTEN_ADDR": f"127.0.0.1:{port}", f"{prefix}METRICS_ADDR": "127.0.0.1:0"}
    settings = {**defaults, **os.environ, f"{prefix}LISTEN_UNIX": str(socket)}
    settings |= shared_settings(name, options) | _supervised(prefix)

    def prepare() -> Mapping[str, str]:
        socket.unlink(missing_ok=True)
        return settings

    return ProcessSpec(name, command_of(name), prepare, grpc_health(service_target(name, runtime_dir)))


def service_target(name: str, runtime_dir: Path) -> str:
    """The gRPC target of a service that `service_spec` describes."""
    return f"unix:{runtime_dir / name}.sock"


def lone_session_spec(options: Options, runtime_dir: Path) -> ProcessSpec:
    """The session service for one command: only on its Unix socket."""
    spec = service_spec("session", options, runtime_dir)
    closed = {"QUINTET_SESSION_LISTEN_ADDR": "", "QUINTET_SESSION_METRICS_ADDR": ""}
    return dataclasses.replace(spec, prepare=lambda: {**spec.prepare(), **closed})


@dataclass
class GatewayPorts:
    """The ports that the gateway really listens on, heard from its log; a restarted gateway must take the same."""

    asked: tuple[int, ...]
    listening: tuple[int, ...] = field(default=())

    def hear(self, line: str) -> None:
        """Takes the ports from the gateway's `listening` event."""
        event = parse_event(line)
        if event and event["event"] == "listening" and event.get("ports"):
            self.listening = tuple(int(port) for port in event["ports"])

    @property
    def address(self) -> str:
        """Base address of the first port."""
        return f"http://127.0.0.1:{self.listening[0]}"

    def settings(self) -> dict[str, str]:
        """What the next start of the gateway is told; nothing leaves the choice to its own settings."""
        ports = self.listening or self.asked
        if not ports:
            return {}
        return {
            "QUINTET_GATEWAY_PORTS": ",".join(map(str, ports)),
            "QUINTET_GATEWAY_PORTS_REQUIRED": "true",
        }


def gateway_spec(options: Options, runtime_dir: Path, ports: GatewayPorts) -> ProcessSpec:
    """The gateway, which reaches the services through their Unix sockets."""
    prefix = "QUINTET_GATEWAY_"
    addresses = {f"{prefix}{name.upper()}_ADDR": service_target(name, runtime_dir) for name in SERVICE_PORTS}
    settings = os.environ | addresses | shared_settings("gateway", options) | _supervised(prefix)

    async def serves() -> bool:
        return bool(ports.listening) and await gateway_complete(ports.address)

    return ProcessSpec(
        "gateway",
        command_of("gateway"),
        lambda: settings | ports.settings(),
        serves,
        heard=ports.hear,
        has_started=lambda: bool(ports.listening),
    )


def _supervised(prefix: str) -> dict[str, str]:
    # JSON always: `up` reads the events, and words them for people itself.
    return {"QUINTET_SUPERVISED": "1", "PYTHONUNBUFFERED": "1", f"{prefix}LOG_FORMAT": "json"}
