"""Each endpoint of the document at both of its paths, and each row of its error table."""

import base64
import io
import json
import re

import aiohttp
import pytest

from quintet.jobs.v1.job_result_pb2 import JobResult, SpeechAudio
from quintet.jobs.v1.job_service_pb2 import Job, JobTask
from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AudioFormat
from quintet.stt.v1.stt_service_pb2 import Transcript
from quintet.vision.v1.vision_service_pb2 import DetectedObject, DominantColor, ImageAnalysis, TextLine
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import Owner, ServiceHealth
from quintet_gateway.dialects.nexus.errors import REASONS

ANYONE = Owner("nexus", "anonymous")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(100)
BASES = pytest.mark.parametrize("base", ["/api", "/v1"])


def form(**parts):
    data = aiohttp.FormData(default_to_multipart=True)
    for name, value in parts.items():
        if isinstance(value, bytes):
            data.add_field(name, io.BytesIO(value), filename="blob", content_type="application/octet-stream")
        else:
            data.add_field(name, value)
    return data


async def success(response):
    assert response.status == 200, await response.text()
    body = await response.json()
    assert body["success"] is True
    assert TIME.fullmatch(body["timestamp"])
    assert body["message"]
    return body


async def failure(response, status, code):
    body = await response.json()
    assert (response.status, body["error_code"]) == (status, code), body
    assert body["success"] is False
    assert isinstance(body["error"], str)
    assert body["error"]
    assert isinstance(body["details"], dict)
    assert TIME.fullmatch(body["timestamp"])
    return body


def words_of(text):
    frames = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line]
    assert frames[-1]["complete"] is True
    assert not any(frame["complete"] for frame in frames[:-1])
    return [frame["word"] for frame in frames], frames[-1]


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


async def finished(client, assistant, path, parts, result):
    if path == "text-to-speech":
        started = await client.post("/api/process/text-to-speech", json=parts)
    else:
        started = await client.post(f"/api/process/{path}", data=form(**parts))
    job_id = (await success(started))["job_id"]
    assistant.jobs.finish(job_id, result)
    body = await success(await client.get(f"/api/status/{job_id}"))
    assert (body["status"], body["progress"]) == ("completed", 100)
    assert body["completed_at"] == "2024-01-15T10:30:00Z"
    assert body["result"]["type"] == body["type"]
    return body["result"]


def seen():
    analysis = ImageAnalysis(
        objects=[DetectedObject(label="face", confidence=0.9)],
        scene="portrait",
        dominant_colors=[DominantColor(name="red", hex="#ff0000", share=0.5)],
        text_lines=[TextLine(text="EXIT <42>"), TextLine(text="second")],
        description="A face & a sign.",
        suggestions=["Good light"],
        confidence=0.95,
        width=640,
        height=480,
    )
    analysis.processing_duration.FromMilliseconds(2340)
    return analysis


async def test_image_result(client, assistant):
    result = await finished(
        client, assistant, "image", {"image": PNG}, JobResult(image_analysis=seen(), enhanced_image=b"\xff\xd8jpeg")
    )
    analysis = result["analysis"]
    assert analysis["objects"] == ["face"]
    assert analysis["scene_type"] == "portrait"
    assert analysis["dominant_colors"] == ["red"]
    assert analysis["emotions"] == []
    assert analysis["text_content"] == "EXIT <42>\nsecond"
    assert analysis["confidence_score"] == 0.95
    assert analysis["suggestions"] == ["Good light"]
    assert analysis["processing_time"] == 2.34
    assert analysis["metadata"]["image_quality"]["resolution"] == "640x480"
    assert result["formatted_html"].startswith("<div class='image-analysis-result'>")
    assert result["formatted_html"].endswith("</div>")
    assert "EXIT &lt;42&gt;" in result["formatted_html"]
    assert "<42>" not in result["formatted_html"]
    head, _, data = result["enhanced_image_base64"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == b"\xff\xd8jpeg"


async def test_image_question_result(client, assistant):
    parts = {"image": PNG, "question": "<script>alert(1)</script>"}
    answer = JobResult(image_analysis=seen(), answer="It says <b>EXIT</b>.")
    result = await finished(client, assistant, "image-with-text", parts, answer)
    assert result["type"] == "image_text_analysis"
    assert result["image_analysis"]["objects"] == ["face"]
    assert result["user_question"] == "<script>alert(1)</script>"
    assert result["ai_response"] == "It says <b>EXIT</b>."
    assert result["agent_response"] is False
    assert result["enhanced_image_base64"] is None
    assert result["formatted_html"].startswith("<div class='combined-analysis'>")
    assert "<script>" not in result["formatted_html"]
    assert "<b>" not in result["formatted_html"]


async def test_transcription_result(client, assistant):
    heard = JobResult(transcript=Transcript(text="hello there", language="en", confidence=0.875))
    result = await finished(client, assistant, "voice", {"audio": WAV}, heard)
    assert result == {
        "transcription": "hello there",
        "language": "en",
        "confidence": 0.875,
        "emotion": {"dominant_emotion": "unknown", "confidence": 0.0},
        "processing_time": 0.0,
        "type": "voice_to_text",
    }


@pytest.mark.parametrize(
    ("silence", "error"),
    [
        (Transcript.SILENCE_TOO_SHORT, "Audio too short"),
        (Transcript.SILENCE_TOO_QUIET, "Audio too quiet"),
        (Transcript.SILENCE_NO_SPEECH, "No speech detected"),
    ],
)
async def test_silence_is_a_completed_job_that_says_why(client, assistant, *, silence, error):
    heard = JobResult(transcript=Transcript(silence=silence, confidence=0.4))
    result = await finished(client, assistant, "voice", {"audio": WAV, "language": "hi"}, heard)
    assert (result["transcription"], result["confidence"], result["language"]) == ("", 0.0, "hi")
    assert result["error"] == error
    assert result["user_message"]


def spoken(language="en"):
    return SpeechAudio(audio=b"ID3sound", language=language, format=AudioFormat(encoding=AUDIO_ENCODING_MP3))


async def test_voice_conversation_result(client, assistant):
    heard = JobResult(transcript=Transcript(text="twelve times twelve"), answer="It's <144>\nexactly.", speech=spoken())
    parts = {"audio": WAV, "language": "en-GB"}
    result = await finished(client, assistant, "voice-conversation", parts, heard)
    assert result["transcription"] == "twelve times twelve"
    assert result["ai_response"] == "<p>It&#x27;s &lt;144&gt;<br>exactly.</p>"
    assert base64.b64decode(result["audio_base64"]) == b"ID3sound"
    assert (result["audio_format"], result["language"], result["original_language"]) == ("mp3", "en", "en-GB")
    assert result["success"] is True


async def test_speech_result(client, assistant):
    sent = {"text": "नमस्ते", "language": "hi"}
    result = await finished(client, assistant, "text-to-speech", sent, JobResult(speech=spoken("hi")))
    assert base64.b64decode(result["audio_base64"]) == b"ID3sound"
    assert (result["audio_format"], result["language"], result["original_language"]) == ("mp3", "hi", "hi")
    assert (result["text_length"], result["success"], result["type"]) == (6, True, "text_to_speech")


@pytest.mark.parametrize(
    ("path", "reason", "message", "told"),
    [
        ("voice", "UNDECODABLE_MEDIA", "x", "Failed to process audio: Invalid format"),
        ("voice", "MEDIA_TOO_LONG", "Audio is longer than 30 minutes", "Audio is longer than 30 minutes"),
        ("voice", "UNSUPPORTED_LANGUAGE", "Hindi is not known.", "Hindi is not known."),
        ("voice-conversation", "NO_SPEECH", "No speech detected", "No speech detected"),
    ],
)
async def test_failed_job_says_why(client, assistant, *, path, reason, message, told):
    job_id = (await success(await client.post(f"/api/process/{path}", data=form(audio=WAV))))["job_id"]
    assistant.jobs.fail(job_id, reason, message)
    body = await success(await client.get(f"/api/status/{job_id}"))
    assert (body["status"], body["error"]) == ("error", told)


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
    assert body["error"] == "It failed."
    if status in {429, 503}:
        assert response.headers["Retry-After"] == "7"


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


async def test_keys_name_owners_who_do_not_see_each_other(client):
    await client.post("/api/sessions", headers={"X-API-Key": "one"})
    for key, count in (("one", 1), ("two", 0), ("", 0)):
        body = await success(await client.get("/api/sessions", headers={"X-API-Key": key}))
        assert len(body["sessions"]) == count
    assert len((await success(await client.get("/api/sessions")))["sessions"]) == 0


async def test_configured_keys_are_checked_where_one_is_sent(start):
    client = await start(nexus_api_keys="right,other")
    assert (await client.get("/api/sessions")).status == 200
    assert (await client.get("/api/sessions", headers={"X-API-Key": "right"})).status == 200
    assert (await client.get("/api/health", headers={"X-API-Key": "wrong"})).status == 200
    for method, path in (("GET", "/api/sessions"), ("POST", "/api/process/text"), ("POST", "/v1/process/image")):
        await failure(await client.request(method, path, headers={"X-API-Key": "wrong"}), 401, "UNAUTHORIZED")


async def test_script_travels_with_a_job(client, assistant):
    headers = {"X-Quintet-Script": "text=hello"}
    await client.post("/api/process/text-to-speech", json={"text": "x"}, headers=headers)
    assert assistant.jobs.kept[ANYONE, "tts_1"].task.script == "text=hello"
