"""Each row of the document's error table, at each endpoint that has it."""

import aiohttp
import pytest
from nexus_requests import PNG, WAV, failure, form

from quintet_errors import DomainError, Reason
from quintet_gateway.dialects.nexus.errors import OPERATORS_ONLY, REASONS

LONG = "x" * 5001
BAD_TEXTS = [
    ({}, "MISSING_FIELD"),
    ({"VALUE": None}, "MISSING_FIELD"),
    ({"VALUE": ""}, "MISSING_FIELD"),
    ({"VALUE": " \t\n"}, "MISSING_FIELD"),
    ({"VALUE": 7}, "INVALID_INPUT"),
    ({"VALUE": ["x"]}, "INVALID_INPUT"),
    ({"VALUE": True}, "INVALID_INPUT"),
    ({"VALUE": LONG}, "INVALID_INPUT"),
    ({"VALUE": "\ud800"}, "INVALID_INPUT"),
    ({"VALUE": "x", "session_id": 5}, "INVALID_INPUT"),
    ({"VALUE": "x", "session_id": "\udfff"}, "INVALID_INPUT"),
]


@pytest.mark.parametrize(
    ("path", "name", "absent"),
    [("text", "message", "Message is required"), ("text-to-speech", "text", "Text required")],
)
@pytest.mark.parametrize(("sent", "code"), BAD_TEXTS)
async def test_bad_text_is_refused_before_anything_starts(client, assistant, *, path, name, absent, sent, code):
    sent = {name if key == "VALUE" else key: value for key, value in sent.items()}
    body = await failure(await client.post(f"/api/process/{path}", json=sent), 400, code)
    if code == "MISSING_FIELD":
        assert (body["error"], body["details"]) == (absent, {"field": name})
    else:
        assert body["details"]["field"] in {name, "session_id"}
        assert body["details"]["reason"]
    assert not assistant.chat.asked
    assert not assistant.jobs.kept


@pytest.mark.parametrize("text", ["x", "x" * 5000, " " * 9 + "x" * 5000, "\0\x01\u202e", "नमस्ते 🙂", "a\u0301" * 2500])
async def test_odd_text_is_taken_as_it_is(client, assistant, *, text):
    assert (await client.post("/api/process/text", json={"message": text, "stream": True, "x": {}})).status == 200
    assert assistant.chat.asked[0][2] == text.strip()


async def test_wrong_language_type_is_invalid_input(client):
    response = await client.post("/api/process/text-to-speech", json={"text": "x", "language": 5})
    assert (await failure(response, 400, "INVALID_INPUT"))["details"]["field"] == "language"


BAD_FORMS = [
    ("image", {}, "MISSING_FIELD", "No image file"),
    ("image", {"image": "a text field"}, "MISSING_FIELD", "No image file"),
    ("image", {"image": b"PK\x03\x04 a zip"}, "INVALID_FORMAT", "Invalid format"),
    ("image", {"image": b""}, "INVALID_FORMAT", "Invalid format"),
    ("image", {"image": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}, "INVALID_FORMAT", "Invalid format"),
    ("image", {"image": WAV}, "INVALID_FORMAT", "Invalid format"),
    ("image-with-text", {"image": PNG}, "MISSING_FIELD", "Question required"),
    ("image-with-text", {"image": PNG, "question": "  "}, "MISSING_FIELD", "Question required"),
    ("image-with-text", {"image": PNG, "question": LONG}, "INVALID_INPUT", "Invalid input"),
    ("image-with-text", {"question": "What?"}, "MISSING_FIELD", "No image file"),
    ("voice", {}, "MISSING_FIELD", "No audio file"),
    ("voice", {"audio": b"R"}, "INVALID_FORMAT", "Invalid format"),
    ("voice", {"audio": b"#EXTM3U\nhttp://localhost/x.mp3\n"}, "INVALID_FORMAT", "Invalid format"),
    ("voice-conversation", {}, "MISSING_FIELD", "No audio file"),
    ("voice-conversation", {"audio": PNG}, "INVALID_FORMAT", "Invalid format"),
]


@pytest.mark.parametrize(("path", "parts", "code", "error"), BAD_FORMS)
async def test_bad_form_is_refused_and_nothing_is_kept(client, assistant, *, path, parts, code, error):
    response = await client.post(f"/api/process/{path}", data=form(**parts))
    assert (await failure(response, 400, code))["error"] == error
    assert not assistant.jobs.kept
    assert (await client.post("/api/process/image", data=form(image=PNG))).status == 200


async def test_empty_file_name_means_that_no_file_was_chosen(client):
    data = aiohttp.MultipartWriter("form-data")
    data.append(b"", {"Content-Disposition": 'form-data; name="image"; filename=""'})
    response = await client.post("/api/process/image", data=data)
    body = await failure(response, 400, "MISSING_FIELD")
    assert (body["error"], body["details"]["field"]) == ("No file selected", "image")


@pytest.mark.parametrize(
    "magic", [PNG, b"\xff\xd8\xff\xe0" + bytes(90), b"GIF89a" + bytes(90), b"RIFF\0\0\0\0WEBP" + bytes(9)]
)
async def test_every_documented_picture_format_is_taken(client, magic):
    assert (await client.post("/api/process/image", data=form(image=magic))).status == 200
    bitmap = b"BM" + bytes(12) + (40).to_bytes(4, "little") + bytes(40)
    assert (await client.post("/api/process/image", data=form(image=bitmap))).status == 200


@pytest.mark.parametrize("reason", Reason)
async def test_every_reason_has_a_documented_answer(client, assistant, *, reason):
    assistant.sessions.failure = DomainError(reason, "It failed.", {"field": "x", "retryAfterSeconds": "7"})
    response = await client.get("/api/sessions")
    status, code = REASONS[reason]
    body = await failure(response, status, code)
    documented = {Reason.SESSION_NOT_FOUND: "Session not found", Reason.JOB_NOT_FOUND: "Job not found"}
    if reason in OPERATORS_ONLY:
        assert (status, body["error"]) == (500, "Internal server error")
    else:
        assert body["error"] == documented.get(reason, "It failed.")
    if status in {429, 503}:
        assert response.headers["Retry-After"] == "7"


async def test_sentence_for_operators_is_logged_and_not_told(client, assistant, capfd):
    sentence = "The database /srv/quintet/store.db is damaged. Put a backup in its place."
    assistant.sessions.failure = DomainError(Reason.STORAGE_FAILED, sentence)
    assert "/srv" not in await (await client.get("/api/sessions")).text()
    assert sentence in capfd.readouterr().out
    assistant.sessions.failure = DomainError(Reason.ENGINE_FAILED, "Try a shorter text.")
    assert (await (await client.get("/api/sessions")).json())["error"] == "Try a shorter text."


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/sessions"),
        ("POST", "/api/sessions"),
        ("GET", "/api/sessions/a/messages"),
        ("DELETE", "/api/sessions/a"),
    ],
)
async def test_bug_is_told_without_its_detail(client, assistant, *, method, path):
    assistant.sessions.failure = KeyError("secret detail")
    response = await client.request(method, path)
    assert "secret" not in await response.text()
    await failure(response, 500, "PROCESSING_ERROR")


async def test_answer_that_fails_at_once_has_its_own_status(client, assistant):
    assistant.chat.deltas = []
    assistant.chat.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "The llm service cannot be reached.")
    await failure(await client.post("/api/process/text", json={"message": "x"}), 503, "SERVICE_UNAVAILABLE")
    assistant.chat.failure = DomainError(Reason.ENGINE_FAILED, "The engine broke.")
    await failure(await client.post("/api/process/text", json={"message": "x"}), 500, "PROCESSING_ERROR")


@pytest.mark.parametrize(
    "job_id", ["img_123abc", "undefined", "..%2f..%2fetc", "%00", "a" * 200, "%ff", "%F0%9F%99%82"]
)
async def test_unknown_job_is_not_found(client, job_id):
    body = await failure(await client.get(f"/api/status/{job_id}"), 404, "JOB_NOT_FOUND")
    assert body["error"] == "Job not found"


async def test_configured_keys_are_checked_where_one_is_sent(start):
    client = await start(nexus_api_keys="right,other")
    assert (await client.get("/api/sessions")).status == 200
    assert (await client.get("/api/sessions", headers={"X-API-Key": "right"})).status == 200
    assert (await client.get("/api/health", headers={"X-API-Key": "wrong"})).status == 200
    for method, path in (("GET", "/api/sessions"), ("POST", "/api/process/text"), ("POST", "/v1/process/image")):
        await failure(await client.request(method, path, headers={"X-API-Key": "wrong"}), 401, "UNAUTHORIZED")
