"""Takes the ports that clients expect."""

import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from quintet_observability import get_logger

_log = get_logger(__name__)
_BACKLOG = 1024
# An address family or an address that this machine does not have.
_ABSENT = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
_ATTEMPTS = 20


class PortBusyError(OSError):
    """A port that another process listens on."""


@dataclass(frozen=True)
class ListeningPort:
    """One port, open on every host that this machine has."""

    port: int
    sockets: tuple[socket.socket, ...]


def listen(hosts: Sequence[str], ports: Sequence[int], *, required: bool) -> list[ListeningPort]:
    """Opens the ports; port 0 is any free one, the same on all hosts. A busy port is skipped unless it is required.

    Raises:
        OSError: with one sentence, if a required port is busy, or all are, or no host exists here.
    """
    opened: list[ListeningPort] = []
    for port in dict.fromkeys(ports):
        try:
            opened.append(_open_any(hosts) if port == 0 else _open(hosts, port))
        except PortBusyError as error:
            if required:
                _close(opened)
                raise
            _log.warning("port_skipped", port=port, why=str(error))
    if not opened:
        tried = ", ".join(str(port) for port in ports)
        raise PortBusyError(
            f"every port is in use by another program: {tried}; choose others with QUINTET_GATEWAY_PORTS"
        )
    return opened


def _open_any(hosts: Sequence[str]) -> ListeningPort:
    """Takes a port that is free on all hosts: what the first host gives may be busy on the second."""
    for _ in range(_ATTEMPTS):
        with socket.socket(_family(hosts[0])) as probe:
            probe.bind((hosts[0], 0))
            port = int(probe.getsockname()[1])
        try:
            return _open(hosts, port)
        except PortBusyError:
            continue
    raise PortBusyError("no port is free on all hosts")


def _open(hosts: Sequence[str], port: int) -> ListeningPort:
    """Opens one port on all hosts or on none: on half of them, `localhost` could mean another program's server."""
    sockets: list[socket.socket] = []
    try:
        for host in hosts:
            one = _bind(host, port)
            if one is not None:
                sockets.append(one)
    except OSError:
        for one in sockets:
            one.close()
        raise
    if not sockets:
        raise OSError(f"this machine has none of the addresses {', '.join(hosts)}")
    return ListeningPort(port, tuple(sockets))


def _bind(host: str, port: int) -> socket.socket | None:
    """Listens on one address; None if the machine does not have it."""
    try:
        one = socket.socket(_family(host), socket.SOCK_STREAM)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    try:
        if os.name == "posix":
            # Connections of the last run that still linger must not keep the port; elsewhere it means sharing it.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if one.family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((host, port))
        one.listen(_BACKLOG)
        one.setblocking(False)
    except OSError as error:
        one.close()
        if error.errno in _ABSENT:
            return None
        if error.errno == errno.EADDRINUSE:
            raise PortBusyError(f"port {port} on {host} is in use by another program") from None
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from None
    return one


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _close(opened: Sequence[ListeningPort]) -> None:
    for port in opened:
        for one in port.sockets:
            one.close()
