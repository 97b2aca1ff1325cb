"""Each endpoint of the document at both of its paths."""

import pytest
from nexus_requests import ANYONE, BASES, PNG, TIME, WAV, failure, form, success, words_of

from quintet.jobs.v1.job_service_pb2 import Job, JobTask
from quintet_gateway.assistant import ServiceHealth


@BASES
@pytest.mark.parametrize(
    "sent", [{"data": b""}, {"json": {}}, {"data": b"", "headers": {"Content-Type": "application/json"}}]
)
async def test_session_is_created_with_or_without_a_body(client, base, sent):
    body = await success(await client.post(f"{base}/sessions", **sent))
    assert body["title"] == "New Chat"
    assert body["session_id"] == "s1"
    assert body["created_at"] == "2024-01-15T10:30:00Z"
    assert body["data"] == {key: body[key] for key in ("session_id", "title", "created_at")}


@BASES
async def test_sessions_are_listed_flat_and_under_data(client, base):
    await client.post(f"{base}/sessions")
    body = await success(await client.get(f"{base}/sessions"))
    assert body["sessions"] == [
        {
            "id": "s1",
            "title": "New Chat",
            "created_at": "2024-01-15T10:30:00Z",
            "updated_at": "2024-01-15T10:30:00Z",
            "message_count": 0,
        }
    ]
    assert body["data"]["sessions"] == body["sessions"]


@BASES
async def test_conversation_is_told_deleted_and_gone(client, base):
    await client.post(f"{base}/sessions")
    await (await client.post(f"{base}/process/text", json={"message": " 12*12? ", "session_id": "s1"})).read()
    body = await success(await client.get(f"{base}/sessions/s1/messages"))
    assert [(one["type"], one["content"]) for one in body["messages"]] == [("user", "12*12?"), ("ai", "It is 144.")]
    assert all(TIME.fullmatch(one["timestamp"]) for one in body["messages"])
    deleted = await success(await client.delete(f"{base}/sessions/s1"))
    assert deleted["message"] == "Session deleted successfully"
    again = await failure(await client.delete(f"{base}/sessions/s1"), 404, "SESSION_NOT_FOUND")
    assert again["error"] == "Session not found"
    await failure(await client.get(f"{base}/sessions/s1/messages"), 404, "SESSION_NOT_FOUND")


@BASES
@pytest.mark.parametrize("session_id", ["abc123", None, "../../etc/passwd", "\0", "x" * 5000, ""])
async def test_text_is_answered_in_words_whatever_the_session(client, base, session_id):
    response = await client.post(f"{base}/process/text", json={"message": "12*12?", "session_id": session_id})
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    text = await response.text()
    assert text.startswith('data: {"word": "It", "complete": false}\n\n')
    words, last = words_of(text)
    assert words == ["It", " is", " 144.", ""]
    assert last == {"word": "", "complete": True}


@BASES
async def test_history_is_cleared_also_where_there_is_none(client, base):
    await client.post(f"{base}/sessions")
    await (await client.post(f"{base}/process/text", json={"message": "hi", "session_id": "s1"})).read()
    for sent in ({"session_id": "s1"}, {"session_id": "unknown"}, {"session_id": None}, {}):
        assert (await success(await client.post(f"{base}/clear-history", json=sent)))[
            "message"
        ] == "Chat history cleared"
    assert (await success(await client.post(f"{base}/clear-history")))["message"] == "Chat history cleared"
    assert (await success(await client.get(f"{base}/sessions/s1/messages")))["messages"] == []


UPLOADS = [
    ("image", {"image": PNG}, "img", "Image analysis started", JobTask.KIND_IMAGE_ANALYSIS),
    ("image-with-text", {"image": PNG, "question": "What?"}, "img", "Analysis started", JobTask.KIND_IMAGE_QUESTION),
    ("voice", {"audio": WAV, "language": "pt-BR"}, "voice", "Voice processing started", JobTask.KIND_TRANSCRIPTION),
    ("voice-conversation", {"audio": WAV}, "conv", "Voice conversation started", JobTask.KIND_VOICE_CONVERSATION),
]


@BASES
@pytest.mark.parametrize(("path", "parts", "prefix", "message", "kind"), UPLOADS)
async def test_upload_becomes_a_job(client, assistant, *, base, path, parts, prefix, message, kind):
    response = await client.post(f"{base}/process/{path}", data=form(**parts, session_id="s1"))
    body = await success(response)
    assert (body["job_id"], body["status"], body["message"]) == (f"{prefix}_1", "queued", message)
    job = assistant.jobs.kept[ANYONE, f"{prefix}_1"]
    assert job.task.kind == kind
    assert assistant.jobs.inputs[job.job_id] == parts.get("image", parts.get("audio"))
    assert job.task.text == parts.get("question", "")
    assert job.task.session_id == "s1"
    assert job.task.language == ("pt" if "language" in parts else "en")
    assert job.task.requested_language == parts.get("language", "en")


@BASES
@pytest.mark.parametrize(
    ("asked", "language"), [(None, "en"), ("hi", "hi"), ("zh-CN", "zh"), ("EN_us", "en"), ("xx", "en"), ("", "en")]
)
async def test_speech_becomes_a_job_in_a_known_language(client, assistant, *, base, asked, language):
    sent = {"text": "Hello"} | ({} if asked is None else {"language": asked})
    body = await success(await client.post(f"{base}/process/text-to-speech", json=sent))
    assert (body["job_id"], body["status"], body["message"]) == ("tts_1", "queued", "TTS started")
    task = assistant.jobs.kept[ANYONE, "tts_1"].task
    assert (task.text, task.language, task.requested_language) == ("Hello", language, asked or "en")


@BASES
async def test_job_is_told_in_each_state(client, assistant, *, base):
    await client.post(f"{base}/process/image", data=form(image=PNG))
    url = f"{base}/status/img_1"
    body = await success(await client.get(url))
    known = {key: body[key] for key in ("job_id", "status", "progress", "type", "created_at")}
    assert known == {
        "job_id": "img_1",
        "status": "queued",
        "progress": 0,
        "type": "image_analysis",
        "created_at": "2024-01-15T10:30:00Z",
    }
    assert not {"result", "error", "completed_at", "data"} & body.keys()
    job = assistant.jobs.kept[ANYONE, "img_1"]
    job.state, job.progress_percent = Job.STATE_RUNNING, 45
    body = await success(await client.get(url))
    assert (body["status"], body["progress"]) == ("processing", 45)
    assistant.jobs.fail("img_1", "UNDECODABLE_MEDIA", "The picture is broken.")
    body = await success(await client.get(url))
    assert (body["status"], body["progress"]) == ("error", 0)
    assert body["error"] == "Failed to process image: Invalid format"
    assert "result" not in body
    job.state = Job.STATE_CANCELLED
    body = await success(await client.get(url))
    assert (body["status"], body["error"]) == ("error", "The job was cancelled")


@BASES
async def test_health_names_the_engines(client, assistant, *, base):
    body = await success(await client.get(f"{base}/health", headers={"X-API-Key": "your_api_key_here"}))
    assert (body["status"], body["version"]) == ("healthy", "1.0.0")
    assert body["services"]["session"] == {"status": "healthy"}
    assert body["services"]["llm"]["engine"] == "scripted"
    assert body["services"]["llm"]["limitations"] == ["It repeats a script."]
    assistant.health.known["vision"] = ServiceHealth(serving=False, engine=None)
    body = await success(await client.get(f"{base}/health"))
    assert body["status"] == "degraded"
    assert body["services"]["vision"]["status"] == "unavailable"
    assistant.health.known["session"] = ServiceHealth(serving=False, engine=None)
    await failure(await client.get(f"{base}/health"), 503, "SERVICE_UNAVAILABLE")


async def test_keys_name_owners_who_do_not_see_each_other(client):
    await client.post("/api/sessions", headers={"X-API-Key": "one"})
    for key, count in (("one", 1), ("two", 0), ("", 0)):
        body = await success(await client.get("/api/sessions", headers={"X-API-Key": key}))
        assert len(body["sessions"]) == count
    assert len((await success(await client.get("/api/sessions")))["sessions"]) == 0


async def test_script_travels_with_a_job(client, assistant):
    headers = {"X-Quintet-Script": "text=hello"}
    await client.post("/api/process/text-to-speech", json={"text": "x"}, headers=headers)
    assert assistant.jobs.kept[ANYONE, "tts_1"].task.script == "text=hello"
