"""The omni surface over the real processes: keys, allowances, sessions, recordings, and what webhooks may reach."""

import base64
import io
import re
import subprocess
import sys
import time
import uuid
import wave

import grpc
import httpx
import pytest
from framework.media import MIB, PLAYLIST, audio_seconds, lying_wav, padded, recording, tone, zip_file
from framework.nexus import SCRIPT_HEADER
from framework.omni import EVENTS, TIMESTAMP, assert_error, client_of, kept_messages, new_key
from framework.raw_http import exchange, multipart, request
from framework.receiver import receiving
from framework.spoken import spoken
from framework.waiting import wait_until

from quintet.webhooks.v1.webhook_service_pb2 import ListDeliveriesRequest
from quintet.webhooks.v1.webhook_service_pb2_grpc import WebhookServiceStub

DEADLINE_S = 10
UNKNOWN = str(uuid.UUID(int=7))
ENDPOINTS = [
    ("GET", "/config"),
    ("POST", "/session"),
    ("GET", f"/session/{UNKNOWN}"),
    ("DELETE", f"/session/{UNKNOWN}"),
    ("POST", f"/session/{UNKNOWN}/clear"),
    ("GET", "/sessions"),
    ("POST", "/process"),
    ("POST", "/webhooks"),
    ("GET", "/webhooks"),
    ("DELETE", "/webhooks/wh_7"),
    ("GET", "/ws"),
]


@pytest.fixture(scope="module")
def client(scripted):
    with client_of(scripted) as opened:
        yield opened


def process(client: httpx.Client, audio: bytes = b"", script: str = "", **fields: str) -> httpx.Response:
    files = {"audio": ("recording", audio or tone(0.3))}
    return client.post("/process", files=files, data=fields, headers={SCRIPT_HEADER: script} if script else {})


def processed(client: httpx.Client, audio: bytes = b"", script: str = "", **fields: str) -> dict:
    response = process(client, audio, script, **fields)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body.keys() == {"session_id", "text", "audio_base64", "sample_rate", "processing_time_ms"}
    assert isinstance(body["processing_time_ms"], int)
    assert body["sample_rate"] == 24_000
    return body


def new_session(client: httpx.Client, **fields: object) -> str:
    response = client.post("/session", json=fields) if fields else client.post("/session")
    assert response.status_code == 200, response.text
    return response.json()["session_id"]


def standing(client: httpx.Client, session: str) -> tuple[int, int]:
    body = client.get(f"/session/{session}").json()
    return body["message_count"], body["turn_count"]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_every_endpoint_wants_a_key(scripted, method, path):
    with scripted.client() as anybody:
        assert_error(anybody.request(method, path), 401, "API key required")
        wrong = {"Authorization": f"Bearer qo_{'0' * 48}"}
        assert_error(anybody.request(method, path, headers=wrong), 403, "Invalid API key")
        assert_error(anybody.request(method, path, params={"api_key": "qo_wrong"}), 403, "Invalid API key")


def test_health_is_open(scripted, client):
    new_session(client)
    with scripted.client() as anybody:
        body = anybody.get("/health").json()
        assert anybody.get("/health/").json().keys() == body.keys()
    assert {"status", "model_loaded", "gpu_available", "active_sessions", "timestamp"} <= body.keys()
    assert (body["status"], body["model_loaded"]) == ("healthy", True)
    assert type(body["active_sessions"]) is int
    assert TIMESTAMP.fullmatch(body["timestamp"])


def test_configuration_agrees_with_the_answers(client):
    body = client.get("/config").json()
    names = {"model_path", "quantization", "sample_rate_input", "sample_rate_output", "temperature", "max_new_tokens"}
    assert body.keys() == names
    assert (body["sample_rate_input"], body["sample_rate_output"]) == (16_000, 24_000)
    with wave.open(io.BytesIO(base64.b64decode(processed(client)["audio_base64"]))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (24_000, 1, 2)


def test_session_from_its_beginning_to_its_end(client):
    created = client.post("/session").json()
    assert created.keys() == {"session_id", "created_at", "message_count", "turn_count"}
    assert (created["message_count"], created["turn_count"]) == (1, 0)
    assert TIMESTAMP.fullmatch(created["created_at"])
    session = created["session_id"]
    assert uuid.UUID(session).version == 4
    assert processed(client, session_id=session)["session_id"] == session
    assert standing(client, session) == (3, 1)
    assert session in client.get("/sessions").json()["sessions"]
    assert client.post(f"/session/{session}/clear").json() == {"status": "cleared", "session_id": session}
    assert standing(client, session) == (1, 0)
    assert client.delete(f"/session/{session}").json() == {"status": "deleted", "session_id": session}
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/clear")):
        body = assert_error(client.request(method, f"/session/{session}{path}"), 404, "Session not found")
        assert body["detail"] == f"No session with ID: {session}"
    listed = client.get("/sessions").json()
    assert session not in listed["sessions"]
    assert listed["count"] == len(listed["sessions"])


@pytest.mark.parametrize("turns", [0, -1, "20", 1.5, True, 10**9])
def test_history_that_is_no_number_of_turns_is_400(client, turns):
    assert_error(client.post("/session", json={"max_history_turns": turns}), 400)


def test_history_counts_the_turns_that_the_model_is_shown(client):
    session = new_session(client, max_history_turns=2, system_prompt="Answer in rhymes.")
    for _ in range(3):
        processed(client, session_id=session, return_audio="false")
    assert standing(client, session) == (5, 2)


@pytest.mark.parametrize("container", ["wav", "mp3", "webm", "ogg", "flac"])
def test_recording_of_any_container_is_answered(client, container):
    body = processed(client, recording(container), "text=hello there")
    assert body["text"] == "hello there"
    assert base64.b64decode(body["audio_base64"], validate=True)[:4] == b"RIFF"


def test_answer_without_sound(client):
    body = processed(client, return_audio="false")
    assert body["audio_base64"] is None
    assert body["text"]


def test_session_is_made_where_none_is_named(client, scripted):
    body = processed(client, script="text=it is kept", return_audio="false")
    assert kept_messages(scripted, body["session_id"]) == [("user", "it is kept"), ("assistant", "it is kept")]


@pytest.mark.parametrize("session", [UNKNOWN, "abc", "../../etc/passwd", "x" * 5000])
def test_unknown_session_is_404(client, session):
    assert_error(process(client, session_id=session), 404, "Session not found")


def test_recording_is_cut_at_thirty_seconds(grounded):
    """The engine hears 30 seconds: what is asked behind them is never heard."""
    question = spoken(grounded, "What is seven times eight?", silence_s=0.5)
    pause = bytes(2 * 16_000 * 31)
    with wave.open(io.BytesIO(question)) as sound:
        said = sound.readframes(sound.getnframes())
    with client_of(grounded) as client:
        late = client.post("/process", files={"audio": wav_of(pause + said)})
        assert_error(late, 400)
        early = client.post("/process", files={"audio": wav_of(said + pause)}, data={"return_audio": "false"})
        assert early.status_code == 200, early.text


def wav_of(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(samples)
    return file.getvalue()


def test_spoken_question_is_answered_aloud(grounded):
    question = spoken(grounded, "hello")
    with client_of(grounded) as client:
        response = client.post("/process", files={"audio": question})
        assert response.status_code == 200, response.text
        body = response.json()
        assert standing(client, body["session_id"]) == (3, 1)
    sound = base64.b64decode(body["audio_base64"])
    assert audio_seconds(sound) > 0.3
    assert body["text"]


REFUSED = {
    "empty": {"audio": ("a.wav", b"")},
    "garbage": {"audio": ("a.wav", bytes(range(256)) * 40)},
    "ZIP named .wav": {"audio": ("a.wav", zip_file())},
    "playlist": {"audio": ("a.mp3", PLAYLIST)},
    "WAV without samples": {"audio": ("a.wav", wav_of(b""))},
    "half a WAV header": {"audio": ("a.wav", tone()[:20])},
    "25 MB and a byte": {"audio": ("a.wav", padded(tone(), 25 * MIB + 1))},
    "another field": {"sound": ("a.wav", tone())},
}


@pytest.mark.parametrize("name", REFUSED)
def test_recording_that_cannot_be_heard_is_400(client, name):
    assert_error(client.post("/process", files=REFUSED[name]), 400)


def test_form_that_is_none_is_400(client, scripted):
    assert_error(client.post("/process"), 400)
    assert_error(client.post("/process", json={"audio": "x"}), 400)
    assert_error(process(client, return_audio="maybe"), 400)
    assert_error(client.post("/process", data={"session_id": UNKNOWN}), 400)
    key = new_key(scripted)
    headers = [("Content-Type", "multipart/form-data; boundary=frontier"), ("Authorization", f"Bearer {key}")]
    broken = multipart([('name="audio"; filename="a.wav"', tone())], end=False)
    status, _, _ = exchange(scripted.port, request("POST", "/process", headers, broken))
    assert status == 400


def test_header_that_lies_about_its_length_is_heard_as_far_as_it_goes(client):
    assert processed(client, lying_wav(), "text=one second", return_audio="false")["text"] == "one second"


def test_most_that_an_upload_may_hold_is_taken(client):
    """Thirteen minutes of silence behind a header of 44 bytes, of which half a minute is heard."""
    assert processed(client, wav_of(bytes(25 * MIB - 44)), return_audio="false")["text"]


@pytest.mark.parametrize("error", ["ENGINE_FAILED", "SERVICE_UNAVAILABLE", "DEADLINE_EXCEEDED"])
def test_failure_of_ours_is_500(client, error):
    assert_error(process(client, script=f"error={error}"), 500)


def test_full_engine_is_429_and_says_when_to_come_back(client):
    response = process(client, script="error=ENGINE_BUSY")
    body = assert_error(response, 429, "Rate limited")
    assert int(response.headers["Retry-After"]) == body["retry_after"] >= 1


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/session"), ("POST", "/sessions"), ("GET", "/process"), ("DELETE", "/health")]
)
def test_other_methods_are_405(client, method, path):
    response = client.request(method, path)
    assert_error(response, 405)
    assert response.headers["Allow"]


def test_allowance_is_counted_in_seconds_from_now(limited):
    wait_until(lambda: time.time() % 60 < 50, 15, "a minute with time for the test")
    with client_of(limited) as first, client_of(limited) as second:
        for number in range(100):
            response = first.get("/config")
            assert response.status_code == 200
            assert response.headers["X-RateLimit-Remaining"] == str(99 - number)
            assert 0 <= int(response.headers["X-RateLimit-Reset"]) <= 60
            assert "X-RateLimit-Limit" not in response.headers
        refused = first.post("/session")
        body = assert_error(refused, 429, "Rate limited")
        assert 1 <= body["retry_after"] <= 60
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert_error(first.get("/ws"), 429)
        assert first.get("/health").status_code == 200
        assert "X-RateLimit-Remaining" not in first.get("/health").headers
        # Errors count as well, and one key does not spend what is another's.
        assert second.get(f"/session/{UNKNOWN}").headers["X-RateLimit-Remaining"] == "99"


def test_key_in_the_address_stays_out_of_the_log(scripted):
    key = new_key(scripted)
    with scripted.client() as anybody:
        assert anybody.get("/config", params={"api_key": key}).status_code == 200
    assert key not in scripted.log_path.read_text()


def test_webhook_is_registered_listed_replaced_and_deleted(client):
    body = client.post("/webhooks", json={"url": "https://example.com/hook", "secret": "quiet"}).json()
    assert body.keys() == {"id", "url", "events", "active", "created_at"}
    assert re.fullmatch("wh_.+", body["id"])
    assert (body["events"], body["active"]) == (list(EVENTS), True)
    again = client.post("/webhooks", json={"url": "https://example.com/hook", "events": ["session.ended"]}).json()
    assert (again["id"], again["events"]) == (body["id"], ["session.ended"])
    assert "quiet" not in client.get("/webhooks").text
    assert client.delete(f"/webhooks/{body['id']}").status_code == 200
    assert_error(client.delete(f"/webhooks/{body['id']}"), 404)


PRIVATE = [
    "http://127.0.0.1:9/",
    "http://localhost:9/",
    "http://[::1]:9/",
    "http://[::ffff:127.0.0.1]:9/",
    "http://10.1.2.3/",
    "http://192.168.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0.0.0.0/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[64:ff9b::7f00:1]/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_private_target_is_refused_when_it_is_named(client, url):
    assert_error(client.post("/webhooks", json={"url": url}), 400)
    assert url not in client.get("/webhooks").text


# Names to the gateway, and loopback to whoever looks them up or counts in other ways.
HIDDEN = {
    "0x7f.1": "The target's address is not public.",
    "127.1": "The target's URL names no address that can be used.",
    "2130706433": "The target's URL names no address that can be used.",
    "0177.0.0.1": "The target's URL names no address that can be used.",
}


def test_name_that_turns_out_to_be_private_is_never_called(scripted):
    with receiving(lambda *_: 204) as receiver, client_of(scripted) as client:
        port, path = receiver.address.rpartition(":")[2], uuid.uuid4().hex
        for host in HIDDEN:
            hook = {"url": f"http://{host}:{port}/{path}", "events": ["session.created"]}
            assert client.post("/webhooks", json=hook).status_code == 200
        new_session(client)
        failed = wait_until(lambda: failed_deliveries(scripted, path), 30, "an attempt at each", 0.2)
        shown = deliveries_as_shown(scripted)
        for hook in client.get("/webhooks").json()["webhooks"]:
            assert client.delete(f"/webhooks/{hook['id']}").status_code == 200
    assert receiver.attempts == []
    assert failed == {f"http://{host}:{port}/{path}": reason for host, reason in HIDDEN.items()}
    for url, reason in failed.items():
        assert any(url in line and line.endswith(reason) for line in shown), shown


def failed_deliveries(cluster, path: str) -> dict[str, str]:
    """Returns why each delivery to a path has failed, once all have."""
    with grpc.insecure_channel(cluster.grpc_address("session")) as channel:
        found = WebhookServiceStub(channel).ListDeliveries(ListDeliveriesRequest(), timeout=DEADLINE_S).deliveries
    mine = {one.webhook.url: one.last_error for one in found if one.webhook.url.endswith(path)}
    return mine if len(mine) == len(HIDDEN) and all(mine.values()) else {}


def deliveries_as_shown(cluster) -> list[str]:
    """Returns the lines that an operator sees."""
    address = cluster.grpc_address("session")
    command = [sys.executable, "-m", "quintet_cli", "webhooks", "deliveries", "--session-addr", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()
