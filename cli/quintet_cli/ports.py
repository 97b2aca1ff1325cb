"""Which TCP ports of this machine are free."""

import errno
import socket

LOOPBACK = (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6))


def is_free(port: int) -> bool:
    """Tells whether a server could listen on this port of both loopback addresses now."""
    return all(_can_bind(host, family, port) for host, family in LOOPBACK)


def free_port_near(wanted: int) -> int:
    """Returns `wanted` if it is free, otherwise any free port."""
    if is_free(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _can_bind(host: str, family: socket.AddressFamily, port: int) -> bool:
    try:
        with socket.socket(family) as probe:
            # As servers do: connections that linger from an ended one do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        # No IPv6, or a privileged port: nothing of another program is in the way.
        return error.errno != errno.EADDRINUSE
    return True
