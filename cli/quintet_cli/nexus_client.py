"""The gateway's nexus API, as far as a terminal needs it."""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from quintet_cli.errors import CommandError, ExitCode

DEFAULT_SERVER = "http://127.0.0.1:8000"
# An answer may be long in coming, but a server that is there accepts a connection at once.
_TIMEOUT = httpx.Timeout(300.0, connect=5.0)
_POLL_S = 0.2
_DATA = "data: "
_TOO_MANY = 429


@dataclass(frozen=True)
class JobStatus:
    """A job as the server tells it: `state` is queued, processing, completed or error; `percent` is 0 to 100."""

    state: str
    percent: int
    error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


class NexusClient:
    """Calls the server at one base address; every failure is a CommandError with a sentence for the person."""

    def __init__(self, server: str) -> None:
        self._server = server.rstrip("/")
        self._http = httpx.Client(base_url=self._server, timeout=_TIMEOUT)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def create_session(self) -> str:
        """Starts a conversation and returns its id."""
        return str(self._post("/api/sessions")["session_id"])

    def stream_answer(self, message: str, session_id: str | None) -> Generator[str, None, None]:
        """Sends a message and yields the words of the answer as they come; closing the iterator cancels the answer."""
        body = {"message": message} | ({"session_id": session_id} if session_id else {})
        with self._errors(), self._http.stream("POST", "/api/process/text", json=body) as response:
            if response.is_error:
                response.read()
            _check(response)
            for line in response.iter_lines():
                if line.startswith(_DATA):
                    event = json.loads(line.removeprefix(_DATA))
                    if "error" in event:
                        raise CommandError(str(event["error"]))
                    yield str(event.get("word", ""))
                    if event.get("complete"):
                        return
            raise CommandError("The answer broke off.")

    def analyze_image(self, file: Path, question: str | None) -> str:
        """Uploads a picture and returns the id of the job that looks at it."""
        path = "/api/process/image-with-text" if question else "/api/process/image"
        return self._upload(path, "image", file, {"question": question} if question else {})

    def transcribe(self, file: Path, language: str | None) -> str:
        """Uploads a recording and returns the id of the job that writes it down."""
        return self._upload("/api/process/voice", "audio", file, {"language": language} if language else {})

    def speak(self, text: str, language: str | None) -> str:
        """Sends a text and returns the id of the job that speaks it."""
        body = {"text": text} | ({"language": language} if language else {})
        return str(self._post("/api/process/text-to-speech", json=body)["job_id"])

    def wait_for(self, job_id: str, progressed: Callable[[JobStatus], None]) -> Mapping[str, Any]:
        """Waits until a job has ended and returns its result; `progressed` is told of its state meanwhile."""
        while True:
            status = self.status(job_id)
            progressed(status)
            if status.state == "completed":
                return status.result
            if status.state == "error":
                raise CommandError(status.error or "The job failed.")
            time.sleep(_POLL_S)

    def status(self, job_id: str) -> JobStatus:
        """Asks how far a job is."""
        with self._errors():
            body = _check(self._http.get(f"/api/status/{job_id}"))
        return JobStatus(body["status"], int(body["progress"]), str(body.get("error", "")), body.get("result") or {})

    def _upload(self, path: str, field_name: str, file: Path, fields: Mapping[str, str]) -> str:
        with _opened(file) as stream:
            return str(self._post(path, files={field_name: (file.name, stream)}, data=dict(fields))["job_id"])

    def _post(self, path: str, **content: Any) -> Mapping[str, Any]:
        with self._errors():
            return _check(self._http.post(path, **content))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise CommandError(
                f"No Quintet answers at {self._server}; start one with `quintet up`, or name another with --server.",
                ExitCode.UNREACHABLE,
            ) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise CommandError(f"{self._server} is no address of a server; it looks like {DEFAULT_SERVER}.") from None
        except httpx.TransportError as error:
            raise CommandError(f"The connection to {self._server} broke ({error or type(error).__name__}).") from None
        except (KeyError, ValueError) as error:
            raise CommandError(f"{self._server} answers, but not as Quintet does ({error}).") from None


def _check(response: httpx.Response) -> Mapping[str, Any]:
    """Returns the body of a good answer; raises CommandError with the server's own sentence for a bad one."""
    if response.is_success and response.headers.get("Content-Type", "").startswith("text/event-stream"):
        return {}
    try:
        body = response.json()
    except ValueError:
        body = {}
    if response.is_success and isinstance(body, dict) and body:
        return body
    sentence = str((body.get("error") if isinstance(body, dict) else "") or "")
    wait = response.headers.get("Retry-After")
    hint = f" Try again in {wait} seconds." if wait and response.status_code == _TOO_MANY else ""
    raise CommandError(f"{sentence.rstrip('.') or f'The server answered with HTTP {response.status_code}'}.{hint}")


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        stream = file.open("rb")
    except OSError as error:
        raise CommandError(f"{file} cannot be read ({error.strerror}).") from None
    with stream:
        yield stream
