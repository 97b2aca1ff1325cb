"""A made-up catalogue with one small model, and a web server that misbehaves on demand."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

CONTENT: dict[str, bytes] = {"config.json": b'{"layers": 2}', "weights/model.bin": bytes(range(256)) * 1200}


@dataclass
class Recorder:
    """A reporter that remembers."""

    notices: list[str] = field(default_factory=list)
    steps: list[tuple[str, int, int]] = field(default_factory=list)

    def progress(self, step: str, done: int, total: int) -> None:
        """Remembers the step."""
        self.steps.append((step, done, total))

    def notice(self, sentence: str) -> None:
        """Remembers the sentence."""
        self.notices.append(sentence)


@dataclass
class Served:
    """What the server gives, what it does wrong, and what it was asked."""

    files: dict[str, bytes]
    address: str = ""
    cut_after: list[int] = field(default_factory=list)
    ranges_known: bool = True
    requests: list[tuple[str, str, str]] = field(default_factory=list)


class MirrorHandler(BaseHTTPRequestHandler):
    """Serves like a file server or a model hub; subclasses say what through `served`."""

    served: Served
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answers with the headers."""
        self._answer(send_body=False)

    def do_GET(self) -> None:
        """Answers with the headers and the body, or a part of it."""
        self._answer(send_body=True)

    def _answer(self, *, send_body: bool) -> None:
        wanted = self.headers.get("Range", "")
        self.served.requests.append((self.command, self.path, wanted))
        body = next((data for path, data in self.served.files.items() if self.path.endswith("/" + path)), None)
        if body is None:
            self.send_error(404)
            return
        start = int(wanted[6:].split("-")[0]) if wanted and self.served.ranges_known else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if send_body:
            # A client that hangs up in the middle is what some tests are about.
            with suppress(ConnectionError):
                self._send(body[start:])

    def _send(self, body: bytes) -> None:
        if self.served.cut_after and len(body) > 100:
            self.wfile.write(body[: self.served.cut_after.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the standard library
        """Says nothing."""


def catalogue_text(name: str = "tiny", paths: tuple[str, ...] = tuple(CONTENT)) -> str:
    """A catalogue with one model and a mirror as its only source; `paths` take the contents' places."""
    files = "".join(
        f'{{path = "{path}", size = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}"}},'
        for path, data in zip(paths, CONTENT.values(), strict=True)
    )
    return f"""
[[models]]
name = "{name}"
kind = "stt"
engine = "none"
description = "Made up"
licence = "MIT"
memory_mib = 1
languages = ["en"]
files = [{files}]
sources = [{{kind = "mirror"}}]
"""
