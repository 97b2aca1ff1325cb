"""A receiver of webhooks that fails as often as a test wants, and remembers every attempt."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Attempt:
    """One post, in the order of their arrival; header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int


@dataclass
class Receiver:
    """Where to post, and what was posted; `answer` returns the status for a path, headers and a body."""

    answer: Callable[[str, Mapping[str, str], bytes], int]
    address: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Notes an attempt and returns its status."""
        with self._lock:
            attempt = Attempt(path, headers, body, self.answer(path, headers, body))
            self.attempts.append(attempt)
        return attempt.status


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Many deliveries begin at once after a restart.
    request_queue_size = 128


@contextmanager
def receiving(answer: Callable[[str, Mapping[str, str], bytes], int]) -> Iterator[Receiver]:
    """Gives a receiver on a free port of loopback for the length of the block."""
    receiver = Receiver(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.take(self.path, headers, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the standard library
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    receiver.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
