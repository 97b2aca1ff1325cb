"""Requests that no well-behaved client sends, over plain sockets."""

import contextlib
import socket
import struct
from collections.abc import Iterator, Sequence


def head(method: str, path: str, headers: Sequence[tuple[str, str]] = (), host: str = "127.0.0.1") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def request(method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    """One request with its length, ready to be sent."""
    return head(method, path, [*headers, ("Content-Length", str(len(body)))]) + body


def multipart(parts: Sequence[tuple[str, bytes]], boundary: str = "frontier", end: bool = True) -> bytes:
    """Builds a body of parts; each is its disposition (what follows `form-data; `) and its content."""
    pieces = []
    for disposition, content in parts:
        intro = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
        pieces.append(intro.encode("utf-8", "surrogateescape") + content + b"\r\n")
    return b"".join(pieces) + (f"--{boundary}--\r\n".encode() if end else b"")


@contextlib.contextmanager
def connection(port: int, timeout_s: float = 30.0) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as opened:
        yield opened


def exchange(port: int, message: bytes, timeout_s: float = 30.0) -> tuple[int, dict[str, str], bytes]:
    """Sends bytes, reads one response, and returns its status, its headers by lower-case name, and its body."""
    with connection(port, timeout_s) as opened:
        # A server that refuses early may close before it has read everything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            opened.sendall(message)
        return read_response(opened)


def read_response(opened: socket.socket) -> tuple[int, dict[str, str], bytes]:
    with opened.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers = {}
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = b"".join(_chunks(stream)) if "chunked" in headers.get("transfer-encoding", "") else b""
        if not body:
            body = stream.read(int(headers.get("content-length", "0")))
        return status, headers, body


def chunks_of(opened: socket.socket) -> Iterator[bytes]:
    """Skips the head of a chunked response and yields each chunk as the server wrote it."""
    with opened.makefile("rb") as stream:
        while stream.readline() not in (b"\r\n", b""):
            pass
        yield from _chunks(stream)


def reset(opened: socket.socket) -> None:
    """Closes at once with a TCP reset, as a killed client does."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    opened.close()


def _chunks(stream: socket.SocketIO) -> Iterator[bytes]:
    while size := int(stream.readline().split(b";")[0] or b"0", 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()
