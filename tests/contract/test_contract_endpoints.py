"""Every row of the endpoint list, under both prefixes: the documented keys and types, at the top level."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from framework.media import recording, small_picture
from framework.nexus import PREFIXES, TIMESTAMP, ended, new_session

Keys = dict[str, type]
SESSION: Keys = {"session_id": str, "title": str, "created_at": str}
LISTED: Keys = {"id": str, "title": str, "created_at": str, "updated_at": str, "message_count": int}
JOB: Keys = {"job_id": str, "status": str, "message": str}

SUCCESSES = {
    "create session": ("POST", "/sessions", {}, SESSION),
    "list sessions": ("GET", "/sessions", {}, {"sessions": list}),
    "messages": ("GET", "/sessions/{session}/messages", {}, {"session_id": str, "title": str, "messages": list}),
    "delete session": ("DELETE", "/sessions/{session}", {}, {"message": str}),
    "clear history": ("POST", "/clear-history", {"json": {"session_id": "{session}"}}, {"message": str}),
    "image": ("POST", "/process/image", {"files": {"image": small_picture()}}, JOB),
    "image with text": (
        "POST",
        "/process/image-with-text",
        {"files": {"image": small_picture()}, "data": {"question": "What is it?"}},
        JOB,
    ),
    "voice": ("POST", "/process/voice", {"files": {"audio": recording("webm")}, "data": {"language": "en"}}, JOB),
    "voice conversation": ("POST", "/process/voice-conversation", {"files": {"audio": recording("wav")}}, JOB),
    "speech": ("POST", "/process/text-to-speech", {"json": {"text": "Hello", "language": "en"}}, JOB),
}


@pytest.fixture(scope="module")
def client(scripted):
    with scripted.client() as opened:
        yield opened


def call(client: httpx.Client, prefix: str, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
    session = new_session(client) if "{session}" in path + str(options) else ""
    body = {key: value.replace("{session}", session) for key, value in options.get("json", {}).items()}
    filled = options | ({"json": body} if body else {})
    return client.request(method, prefix + path.replace("{session}", session), **filled)


def assert_keys(body: dict[str, Any], keys: Keys) -> None:
    for key, wanted in keys.items():
        assert type(body[key]) is wanted, (key, body.get(key))


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("row", SUCCESSES, ids=str)
def test_success_has_documented_keys_flat_and_in_data(client, row, prefix):
    method, path, options, keys = SUCCESSES[row]
    response = call(client, prefix, method, path, options)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    body = response.json()
    assert body["success"] is True
    assert isinstance(body["message"], str)
    assert TIMESTAMP.fullmatch(body["timestamp"])
    assert_keys(body, keys)
    for key in keys.keys() - {"message"}:
        assert body["data"][key] == body[key]


EXACT = {
    "create session": ("message", "Operation successful"),
    "delete session": ("message", "Session deleted successfully"),
    "clear history": ("message", "Chat history cleared"),
    "image": ("message", "Image analysis started"),
    "image with text": ("message", "Analysis started"),
    "voice": ("message", "Voice processing started"),
    "voice conversation": ("message", "Voice conversation started"),
    "speech": ("message", "TTS started"),
}
JOB_PREFIXES = {
    "image": "img_",
    "image with text": "img_",
    "voice": "voice_",
    "voice conversation": "conv_",
    "speech": "tts_",
}


@pytest.mark.parametrize("row", EXACT, ids=str)
def test_success_has_documented_words(client, row):
    method, path, options, _ = SUCCESSES[row]
    body = call(client, "/api", method, path, options).json()
    key, value = EXACT[row]
    assert body[key] == value


@pytest.mark.parametrize("row", JOB_PREFIXES, ids=str)
def test_job_is_queued_under_its_prefix(client, row):
    method, path, options, _ = SUCCESSES[row]
    body = call(client, "/api", method, path, options).json()
    assert body["status"] == "queued"
    assert body["job_id"].startswith(JOB_PREFIXES[row])
    assert len(body["job_id"]) > len(JOB_PREFIXES[row])


EMPTY_BODIES: dict[str, dict[str, Any]] = {
    "nothing at all": {},
    "JSON type without a body": {"headers": {"Content-Type": "application/json"}},
    "empty object": {"json": {}},
    "unknown fields": {"json": {"name": "x", "nested": {"a": [1]}}},
}


@pytest.mark.parametrize("options", EMPTY_BODIES.values(), ids=EMPTY_BODIES.keys())
def test_session_is_created_with_any_documented_body(client, options):
    body = client.post("/api/sessions", **options).json()
    assert body["success"] is True
    assert body["title"] == "New Chat"
    assert TIMESTAMP.fullmatch(body["created_at"])
    assert re.fullmatch(r"[0-9a-f-]{32,36}", body["session_id"]), "session ids cannot be guessed"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_listed_session(client, prefix):
    session = new_session(client)
    listed = next(one for one in client.get(f"{prefix}/sessions").json()["sessions"] if one["id"] == session)
    assert_keys(listed, LISTED)
    assert listed["title"] == "New Chat"
    assert listed["message_count"] == 0
    assert TIMESTAMP.fullmatch(listed["created_at"])
    assert TIMESTAMP.fullmatch(listed["updated_at"])


@pytest.mark.parametrize("prefix", PREFIXES)
def test_status_of_a_job(client, prefix):
    job_id = client.post(f"{prefix}/process/image", files={"image": small_picture()}).json()["job_id"]
    ended(client, job_id)
    body = client.get(f"{prefix}/status/{job_id}").json()
    assert_keys(body, {"job_id": str, "status": str, "progress": int, "type": str, "created_at": str, "result": dict})
    assert (body["job_id"], body["status"], body["progress"]) == (job_id, "completed", 100)
    assert TIMESTAMP.fullmatch(body["created_at"])
    assert TIMESTAMP.fullmatch(body["completed_at"])
    assert "error" not in body
    assert "data" not in body, "a result may be megabytes; it is not sent twice"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_health(client, prefix):
    response = client.get(f"{prefix}/health")
    assert response.status_code == 200
    body = response.json()
    assert (body["success"], body["status"], body["version"]) == (True, "healthy", "1.0.0")
    assert TIMESTAMP.fullmatch(body["timestamp"])
    assert body["services"].keys() >= {"session", "llm", "vision", "stt", "tts"}


def test_health_names_the_live_engines(client, grounded):
    assert "scripted" in str(client.get("/v1/health").json()["services"]["llm"])
    with grounded.client() as other:
        services = other.get("/v1/health").json()["services"]
    live = {"llm": "grounded", "vision": "opencv", "stt": "pocketsphinx", "tts": "espeak"}
    for service, engine in live.items():
        assert engine in str(services[service]), services[service]


FREE: list[tuple[str, Callable[[httpx.Client], httpx.Response]]] = [
    ("unknown key", lambda client: client.get("/api/sessions", headers={"X-API-Key": "your_api_key_here"})),
    ("broken bearer", lambda client: client.get("/api/sessions", headers={"Authorization": "Bearer nonsense"})),
    ("empty key", lambda client: client.get("/api/sessions", headers={"X-API-Key": ""})),
]


@pytest.mark.parametrize("send", [send for _, send in FREE], ids=[name for name, _ in FREE])
def test_credentials_are_optional_and_never_fail_a_request(client, send):
    assert send(client).status_code == 200
