"""What the tests need to know of the nexus surface, in the document's words."""

import json
import re
from typing import Any

import httpx

from framework.waiting import wait_until

PREFIXES = ("/api", "/v1")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "ru", "ja", "ko", "zh", "ar", "hi", "ur", "th")
SCRIPT_HEADER = "X-Quintet-Script"
JOB_WITHIN_S = 60.0
_POLL_S = 0.02
_ENDED = ("completed", "error")


def events_of(body: str) -> list[dict[str, Any]]:
    """Reads the data frames of a nexus stream; asserts that nothing else is in it but comments."""
    frames = [frame for frame in body.split("\n\n") if frame]
    assert body.endswith("\n\n"), "the last event has no end"
    assert all(frame.startswith(("data: ", ":")) and "\n" not in frame for frame in frames), frames
    return [json.loads(frame.removeprefix("data: ")) for frame in frames if frame.startswith("data: ")]


def answer_of(body: str) -> str:
    """Joins the words of a stream that came to its good end."""
    events = events_of(body)
    assert events[-1] == {"word": "", "complete": True}
    assert all(event["complete"] is False and event["word"] for event in events[:-1])
    return "".join(event["word"] for event in events)


def ask(
    client: httpx.Client, message: str, session_id: str | None = None, prefix: str = "/api", script: str = ""
) -> str:
    """Sends one message and returns the whole answer."""
    headers = {SCRIPT_HEADER: script} if script else {}
    body = {"message": message, "session_id": session_id}
    response = client.post(f"{prefix}/process/text", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return answer_of(response.text)


def new_session(client: httpx.Client) -> str:
    """Creates a session and returns its id."""
    response = client.post("/api/sessions")
    assert response.status_code == 200, response.text
    return str(response.json()["session_id"])


def messages_of(client: httpx.Client, session_id: str) -> list[tuple[str, str]]:
    """Returns type and content of each message of a session."""
    response = client.get(f"/api/sessions/{session_id}/messages")
    assert response.status_code == 200, response.text
    return [(message["type"], message["content"]) for message in response.json()["messages"]]


def accepted(response: httpx.Response) -> str:
    """Asserts that a job was accepted and returns its id."""
    assert response.status_code == 200, response.text
    assert response.json()["status"] == "queued"
    return str(response.json()["job_id"])


def ended(client: httpx.Client, job_id: str, within_s: float = JOB_WITHIN_S) -> dict[str, Any]:
    """Waits until a job has ended and returns its last status."""

    def probe() -> dict[str, Any] | None:
        response = client.get(f"/api/status/{job_id}")
        assert response.status_code == 200, response.text
        status: dict[str, Any] = response.json()
        return status if status["status"] in _ENDED else None

    status = wait_until(probe, within_s, f"the end of {job_id}", _POLL_S)
    assert status is not None
    return status


def completed(client: httpx.Client, response: httpx.Response, within_s: float = JOB_WITHIN_S) -> dict[str, Any]:
    """Waits until the job that `response` accepted is completed and returns its result."""
    status = ended(client, accepted(response), within_s)
    assert status["status"] == "completed", status
    result: dict[str, Any] = status["result"]
    return result


def assert_error(response: httpx.Response, status: int, code: str, text: str | None = None) -> dict[str, Any]:
    """Asserts the documented error envelope and returns its details."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    body = response.json()
    assert body["success"] is False
    assert body["error_code"] == code, body
    assert isinstance(body["error"], str)
    assert body["error"]
    assert text is None or body["error"] == text, body
    assert isinstance(body["details"], dict)
    assert TIMESTAMP.fullmatch(body["timestamp"]), body["timestamp"]
    details: dict[str, Any] = body["details"]
    return details
