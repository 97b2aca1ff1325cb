"""Endpoint by error row, under both prefixes: the documented envelope, code and status."""

from typing import Any

import pytest
from framework.media import MIB, PLAYLIST, padded, recording, small_picture, zip_file
from framework.nexus import PREFIXES, accepted, assert_error

PICTURE = {"image": ("photo.png", small_picture())}
LONG = "x" * 5001
BAD_JSON = {"content": b'{"message": ', "headers": {"Content-Type": "application/json"}}
OVER_20_MIB = 20 * MIB + 1

# row: method, path, request, status, code, documented text (None: free), details that must be there
ERRORS: dict[str, tuple[str, str, dict[str, Any], int, str, str | None, dict[str, Any]]] = {
    "text: not JSON": ("POST", "/process/text", BAD_JSON, 400, "INVALID_INPUT", "Invalid JSON data", {}),
    "text: no body": ("POST", "/process/text", {}, 400, "INVALID_INPUT", "Invalid JSON data", {}),
    "text: array": ("POST", "/process/text", {"json": [1]}, 400, "INVALID_INPUT", None, {}),
    "text: string": ("POST", "/process/text", {"json": "hi"}, 400, "INVALID_INPUT", None, {}),
    "text: missing": (
        *("POST", "/process/text", {"json": {}}),
        *(400, "MISSING_FIELD", "Message is required", {"field": "message"}),
    ),
    "text: blank": (
        *("POST", "/process/text", {"json": {"message": " \n\t "}}),
        *(400, "MISSING_FIELD", "Message is required", {"field": "message"}),
    ),
    "text: number": (
        *("POST", "/process/text", {"json": {"message": 42}}),
        *(400, "INVALID_INPUT", None, {"field": "message"}),
    ),
    "text: list": ("POST", "/process/text", {"json": {"message": ["hi"]}}, 400, "INVALID_INPUT", None, {}),
    "text: too long": (
        *("POST", "/process/text", {"json": {"message": LONG}}),
        *(400, "INVALID_INPUT", None, {"field": "message"}),
    ),
    "text: session of wrong type": (
        *("POST", "/process/text", {"json": {"message": "hi", "session_id": 7}}),
        *(400, "INVALID_INPUT", None, {"field": "session_id"}),
    ),
    "image: no body": (
        *("POST", "/process/image", {}),
        *(400, "MISSING_FIELD", "No image file", {"field": "image"}),
    ),
    "image: other part only": (
        *("POST", "/process/image", {"files": {"picture": small_picture()}}),
        *(400, "MISSING_FIELD", "No image file", {"field": "image"}),
    ),
    "image: not a file": (
        *("POST", "/process/image", {"files": {"image": (None, b"text"), "session_id": (None, b"x")}}),
        *(400, "MISSING_FIELD", "No image file", {"field": "image"}),
    ),
    "image: ZIP named .png": (
        *("POST", "/process/image", {"files": {"image": ("a.png", zip_file(), "image/png")}}),
        *(400, "INVALID_FORMAT", "Invalid format", {}),
    ),
    "image: empty file": (
        *("POST", "/process/image", {"files": {"image": ("a.png", b"")}}),
        *(400, "INVALID_FORMAT", "Invalid format", {}),
    ),
    "image: over 20 MiB": (
        *("POST", "/process/image", {"files": {"image": ("a.png", padded(small_picture(), OVER_20_MIB))}}),
        *(413, "FILE_TOO_LARGE", "File size exceeds 20MB limit", {"max_size": "20MB", "received_size": "20.0MB"}),
    ),
    "question: missing": (
        *("POST", "/process/image-with-text", {"files": PICTURE}),
        *(400, "MISSING_FIELD", "Question required", {"field": "question"}),
    ),
    "question: blank": (
        *("POST", "/process/image-with-text", {"files": PICTURE, "data": {"question": "  "}}),
        *(400, "MISSING_FIELD", "Question required", {"field": "question"}),
    ),
    "question: no image": (
        *("POST", "/process/image-with-text", {"files": {"question": (None, b"what?")}}),
        *(400, "MISSING_FIELD", "No image file", {"field": "image"}),
    ),
    "question: ZIP": (
        *("POST", "/process/image-with-text", {"files": {"image": ("a.gif", zip_file())}, "data": {"question": "?"}}),
        *(400, "INVALID_FORMAT", "Invalid format", {}),
    ),
    "voice: missing": (
        *("POST", "/process/voice", {"files": {"language": (None, b"en")}}),
        *(400, "MISSING_FIELD", "No audio file", {"field": "audio"}),
    ),
    "voice: a picture": (
        *("POST", "/process/voice", {"files": {"audio": ("a.wav", small_picture(), "audio/wav")}}),
        *(400, "INVALID_FORMAT", None, {}),
    ),
    "voice: playlist named .mp3": (
        *("POST", "/process/voice", {"files": {"audio": ("a.mp3", PLAYLIST, "audio/mpeg")}}),
        *(400, "INVALID_FORMAT", None, {}),
    ),
    "voice: 1-byte WAV": (
        *("POST", "/process/voice", {"files": {"audio": ("a.wav", b"R", "audio/wav")}}),
        *(400, "INVALID_FORMAT", None, {}),
    ),
    "voice: over 20 MiB": (
        *("POST", "/process/voice", {"files": {"audio": ("a.wav", padded(recording("wav"), OVER_20_MIB))}}),
        *(413, "FILE_TOO_LARGE", "File size exceeds 20MB limit", {"max_size": "20MB", "received_size": "20.0MB"}),
    ),
    "conversation: missing": (
        *("POST", "/process/voice-conversation", {}),
        *(400, "MISSING_FIELD", "No audio file", {"field": "audio"}),
    ),
    "conversation: ZIP": (
        *("POST", "/process/voice-conversation", {"files": {"audio": ("a.webm", zip_file())}}),
        *(400, "INVALID_FORMAT", None, {}),
    ),
    "speech: not JSON": ("POST", "/process/text-to-speech", BAD_JSON, 400, "INVALID_INPUT", "Invalid JSON data", {}),
    "speech: missing": (
        *("POST", "/process/text-to-speech", {"json": {"language": "en"}}),
        *(400, "MISSING_FIELD", "Text required", {"field": "text"}),
    ),
    "speech: blank": (
        *("POST", "/process/text-to-speech", {"json": {"text": "   "}}),
        *(400, "MISSING_FIELD", "Text required", {"field": "text"}),
    ),
    "speech: too long": (
        *("POST", "/process/text-to-speech", {"json": {"text": LONG}}),
        *(400, "INVALID_INPUT", None, {"field": "text"}),
    ),
    "speech: number": ("POST", "/process/text-to-speech", {"json": {"text": 1}}, 400, "INVALID_INPUT", None, {}),
    "clear: not JSON": ("POST", "/clear-history", BAD_JSON, 400, "INVALID_INPUT", "Invalid JSON data", {}),
    "messages: unknown session": (
        *("GET", "/sessions/a1b2c3d4/messages", {}),
        *(404, "SESSION_NOT_FOUND", "Session not found", {}),
    ),
    "delete: unknown session": (
        *("DELETE", "/sessions/a1b2c3d4", {}),
        *(404, "SESSION_NOT_FOUND", "Session not found", {}),
    ),
    "status: unknown job": ("GET", "/status/img_123abc", {}, 404, "JOB_NOT_FOUND", "Job not found", {}),
    "status: a session's id": (
        *("GET", "/status/00000000-0000-4000-8000-000000000000", {}),
        *(404, "JOB_NOT_FOUND", "Job not found", {}),
    ),
}


@pytest.fixture(scope="module")
def client(scripted):
    with scripted.client() as opened:
        yield opened


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("row", ERRORS, ids=str)
def test_error_row(client, row, prefix):
    method, path, options, status, code, text, details = ERRORS[row]
    response = client.request(method, prefix + path, **options)
    found = assert_error(response, status, code, text)
    assert details.items() <= found.items(), found
    # Whatever was refused, the next request on the same client works.
    assert client.get("/v1/health").status_code == 200


def test_every_length_and_type_error_says_why(client):
    for body in ({"message": LONG}, {"message": 42}):
        assert assert_error(client.post("/api/process/text", json=body), 400, "INVALID_INPUT")["reason"]


def test_empty_file_name_means_no_file_was_selected(client):
    boundary = "frontier"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename=""\r\n'
        f"Content-Type: application/octet-stream\r\n\r\n\r\n--{boundary}--\r\n"
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    response = client.post("/api/process/image", content=body.encode(), headers=headers)
    assert assert_error(response, 400, "MISSING_FIELD", "No file selected")["field"] == "image"


@pytest.mark.parametrize("size_mib", [21, 25.3])
def test_oversized_upload_states_its_size(client, size_mib):
    upload = padded(small_picture(), int(size_mib * MIB))
    details = assert_error(client.post("/api/process/image", files={"image": upload}), 413, "FILE_TOO_LARGE")
    assert details == details | {"max_size": "20MB", "received_size": f"{size_mib:.1f}MB"}


def test_largest_upload_is_accepted(client):
    accepted(client.post("/api/process/image", files={"image": ("a.png", padded(small_picture(), 20 * MIB))}))


@pytest.mark.parametrize("message", ["x" * 5000, f"  {'x' * 5000}\n", "é" * 5000, "🌤" * 5000])
def test_longest_message_is_answered(client, message):
    assert client.post("/api/process/text", json={"message": message}).status_code == 200


@pytest.mark.parametrize("session_id", ["abc123", "../../etc/passwd", "", None, "x" * 4000, "\u0000", "नमस्ते"])
def test_unknown_session_is_no_error_where_it_is_context_only(client, session_id):
    body = {"message": "hello", "text": "hello", "session_id": session_id}
    assert client.post("/api/process/text", json=body).status_code == 200
    assert client.post("/api/process/text-to-speech", json=body).status_code == 200
    assert client.post("/api/clear-history", json=body).json()["message"] == "Chat history cleared"
    form = {"session_id": session_id or ""}
    assert client.post("/api/process/image", files={"image": small_picture()}, data=form).status_code == 200


def test_clearing_without_a_session_is_no_error(client):
    assert client.post("/api/clear-history", json={}).status_code == 200


SCRIPTED_ERRORS = {
    "ENGINE_FAILED": (500, "PROCESSING_ERROR"),
    "INTERNAL": (500, "PROCESSING_ERROR"),
    "ENGINE_BUSY": (503, "SERVICE_UNAVAILABLE"),
    "SERVICE_UNAVAILABLE": (503, "SERVICE_UNAVAILABLE"),
}


@pytest.mark.parametrize("reason", SCRIPTED_ERRORS, ids=str)
def test_failure_before_the_first_word_has_its_own_status(client, reason):
    status, code = SCRIPTED_ERRORS[reason]
    headers = {"X-Quintet-Script": f"error={reason}"}
    response = client.post("/api/process/text", json={"message": "hi"}, headers=headers)
    assert_error(response, status, code)
    assert status != 503 or int(response.headers["Retry-After"]) >= 1
