"""The sight surface: its endpoints, each row of its errors, and what is said aloud."""

import io
import wave

import pytest
from aiohttp import FormData
from hypothesis import given
from hypothesis import strategies as st
from sight_requests import ANALYZE, JPEG, MIB, RESET, WAV, analyze, form, refused, spoken
from yarl import URL

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import ServiceHealth
from quintet_gateway.dialects.sight.errors import OPERATORS_ONLY, REASONS
from quintet_gateway.dialects.sight.sessions import owner_of
from quintet_gateway.dialects.sight.translate import preview
from quintet_gateway.dialects.sight.wording import LANGUAGES, Sentence, worded


async def test_answer_is_sound_with_its_text_beside_it(client, assistant):
    assistant.chat.deltas = ["A chair is ahead.", " It is near."]
    response = await analyze(client, mode="snapshot", without=("audio",))
    assert response.status == 200
    assert response.headers["Content-Type"] == "audio/mpeg"
    assert response.headers["Content-Disposition"] == "attachment; filename=response.mp3"
    assert response.headers["X-Response-Text"] == "A chair is ahead. It is near."
    assert response.headers["X-Detected-Language"] == "en"
    assert response.headers["X-Process-Time"].count(".") == 1
    assert len(response.headers["X-Process-Time"].partition(".")[2]) == 2
    assert await response.read() == assistant.voice.pcm * 2
    assert assistant.looks.seen == [JPEG]
    (order,) = assistant.looks.orders
    assert order.audio is None
    assert (order.speech.sample_rate_hz, order.speech.bit_rate_bps) == (44_100, 128_000)


async def test_spoken_question_is_heard(client, assistant):
    assistant.looks.question, assistant.looks.language = "यहाँ क्या है?", "hi"
    response = await analyze(client)
    assert (response.status, response.headers["X-Detected-Language"]) == (200, "hi")
    assert assistant.looks.orders[0].audio is not None
    kept = await (await client.get("/api/v1/session/test-123")).json()
    assert (kept["detected_language"], kept["chat_history"][0]["user_query"]) == ("hi", "यहाँ क्या है?")
    await analyze(client, mode="snapshot")
    assert assistant.looks.orders[1].language == "hi"


async def test_sound_of_a_snapshot_is_checked_and_not_heard(client, assistant):
    assert (await analyze(client, mode="snapshot")).status == 200
    assert assistant.looks.orders[0].audio is None
    await refused(await analyze(client, mode="snapshot", audio=b"ID3 mp3"), 400, "Audio must be WAV format")


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({"Accept": "audio/wav"}, {}),
        ({"Accept": "audio/x-wav, text/html;q=0.5"}, {}),
        ({"Accept": "audio/mpeg"}, {"response_format": "wav"}),
        ({"Accept": "AUDIO/WAV;q=0.5, audio/mpeg;q=0"}, {}),
        ([("Accept", "text/html"), ("Accept", "audio/wav")], {}),
    ],
)
async def test_small_players_get_raw_samples_behind_44_bytes(client, assistant, headers, fields):
    response = await analyze(client, headers=headers, **fields)
    assert response.headers["Content-Type"] == "audio/wav"
    assert response.headers["Content-Disposition"] == "attachment; filename=response.wav"
    body = await response.read()
    assert int(response.headers["Content-Length"]) == len(body)
    assert body[44:] == assistant.voice.pcm * 2
    with wave.open(io.BytesIO(body)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        assert sound.getnframes() == len(assistant.voice.pcm)


@pytest.mark.parametrize(
    "accept",
    ["audio/mpeg, audio/wav", "*/*", "", "audio/wav;q=0", "audio/*", ",;,", "audio/wavelet", "audio/wav; q=0.0, */*"],
)
async def test_mp3_is_what_everybody_else_gets(client, accept):
    response = await analyze(client, headers={"Accept": accept})
    assert response.headers["Content-Type"] == "audio/mpeg"


@pytest.mark.parametrize("name", ["session_id", "mode", "image", "audio"])
@pytest.mark.parametrize("empty", [True, False])
async def test_missing_field_is_named(client, name, empty):
    changes = {name: b"" if name in {"image", "audio"} else " "} if empty else {"without": (name,)}
    await refused(await analyze(client, **changes), 400, f"Missing required field: {name}")


async def test_the_first_missing_field_is_named_before_what_is_wrong(client):
    wrong = {"mode": "video", "image": b"png", "without": ("session_id",)}
    await refused(await analyze(client, **wrong), 400, "Missing required field: session_id")


async def test_request_without_a_form_lacks_its_first_field(client):
    for data in ({}, {"json": {"session_id": "a"}}, {"data": b"image"}):
        await refused(await client.post(ANALYZE, **data), 400, "Missing required field: session_id")


INVALID_ID = "Invalid session_id. Must be 1 to 128 characters without control characters"


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"mode": "video"}, "Invalid mode. Must be 'snapshot' or 'conversation'"),
        ({"mode": "Snapshot"}, "Invalid mode. Must be 'snapshot' or 'conversation'"),
        ({"image": b"\x89PNG\r\n\x1a\n"}, "Image must be JPEG format"),
        ({"image": WAV}, "Image must be JPEG format"),
        ({"audio": b"ID3\x04 an mp3"}, "Audio must be WAV format"),
        ({"audio": b"RIFF\x24\x00\x00\x00AVI "}, "Audio must be WAV format"),
        ({"session_id": "x" * 129}, INVALID_ID),
        ({"session_id": "a\nb"}, INVALID_ID),
        ({"session_id": "a\x00b"}, INVALID_ID),
        ({"session_id": "a\u2028b"}, INVALID_ID),
        ({"response_format": "ogg"}, "Invalid response_format. Must be 'mp3' or 'wav'"),
    ],
)
async def test_wrong_field_is_a_sentence(client, changes, detail):
    await refused(await analyze(client, **changes), 400, detail)


@pytest.mark.parametrize("session_id", ["test-123", "x" * 128, "../../etc", "हिन्दी", "a b", "<script>"])
async def test_any_other_id_is_a_session(client, session_id):
    assert (await analyze(client, session_id=session_id)).status == 200


async def test_half_a_form_is_a_sentence(client, send_raw):
    head = f"POST {ANALYZE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + JPEG
    answer = await send_raw(client, f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'{"detail": "The form is malformed or incomplete."}' in answer


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"image": JPEG + bytes(11 * MIB)}, "Image too large: 11.00MB (max: 10MB)"),
        ({"image": JPEG + bytes(10 * MIB - len(JPEG) + 1)}, "Image too large: 10.01MB (max: 10MB)"),
        ({"audio": WAV + bytes(6 * MIB)}, "Audio too large: 6.00MB (max: 5MB)"),
        ({"image": JPEG + bytes(16 * MIB)}, "Request too large: 16.00MB (max: 15MB)"),
    ],
)
async def test_too_large_is_told_in_megabytes(client, changes, detail):
    await refused(await analyze(client, **changes), 413, detail)


async def test_largest_files_are_taken(client):
    image, audio = JPEG + bytes(10 * MIB - len(JPEG)), WAV + bytes(4 * MIB)
    assert (await analyze(client, image=image, audio=audio)).status == 200


@pytest.mark.parametrize("reason", [reason for reason, status in REASONS.items() if status == 500])
async def test_failure_is_told_aloud(client, assistant, reason):
    assistant.looks.failure = DomainError(reason, "The détail\nof it.")
    response = await analyze(client)
    await spoken(response, 500, "Sorry, something went wrong. Please try again.")
    told = "Internal server error" if reason in OPERATORS_ONLY else "The d%C3%A9tail of it."
    assert response.headers["X-Error-Message"] == told
    assert response.headers["X-Error-Type"].endswith("Error")
    assert response.headers["Content-Disposition"] == "attachment; filename=response.mp3"


async def test_failure_is_told_in_the_language_of_the_session(client, assistant):
    assistant.looks.question, assistant.looks.language = "यहाँ क्या है?", "hi"
    await analyze(client)
    assistant.looks.failure = RuntimeError("a bug")
    response = await analyze(client)
    await spoken(response, 500, worded(Sentence.FAILED, "hi"))
    assert response.headers["X-Error-Message"] == "Internal server error"
    assert response.headers["X-Error-Type"] == "InternalError"


async def test_full_engine_asks_to_wait(client, assistant):
    assistant.looks.failure = DomainError(Reason.ENGINE_BUSY, "Full.", {"retryAfterSeconds": "7"})
    response = await analyze(client)
    await spoken(response, 429, worded(Sentence.BUSY, "en"))
    assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "reason", [Reason.UNDECODABLE_MEDIA, Reason.IMAGE_TOO_LARGE, Reason.MEDIA_TOO_LONG, Reason.UNSUPPORTED_FORMAT]
)
async def test_bad_content_of_a_file_is_a_sentence(client, assistant, reason):
    assistant.looks.failure = DomainError(reason, "It cannot be decoded.")
    await refused(await analyze(client), 400, "It cannot be decoded.")


async def test_failure_without_a_voice_is_written(client, assistant):
    assistant.looks.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.")
    assistant.voice.speech.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away too.")
    await refused(await analyze(client), 500, "Away.")


async def test_failure_for_small_players_is_wav(client, assistant):
    assistant.looks.failure = DomainError(Reason.ENGINE_FAILED, "It broke.")
    response = await analyze(client, headers={"Accept": "audio/wav"})
    assert (response.status, response.headers["Content-Type"]) == (500, "audio/wav")
    assert (await response.read())[:4] == b"RIFF"


async def test_silent_model_is_a_failure(client, assistant):
    assistant.chat.deltas = [" "]
    assistant.voice.pcm = b""
    assert (await analyze(client)).status == 500
    kept = await (await client.get("/api/v1/session/test-123")).json()
    assert kept["chat_history"] == []


async def test_failure_behind_the_first_sound_ends_the_connection(client, assistant):
    assistant.chat.failure = DomainError(Reason.ENGINE_FAILED, "It broke.")
    response = await analyze(client)
    assert response.status == 200
    with pytest.raises(Exception, match=r"not completed|Connection|disconnected|Response payload"):
        await response.read()
    kept = await (await client.get("/api/v1/session/test-123")).json()
    assert kept["chat_history"] == []


async def test_session_shows_its_last_ten_interactions(client, assistant):
    for number in range(12):
        assistant.chat.deltas = [f"answer {number}"]
        await analyze(client, mode="snapshot")
    kept = await (await client.get("/api/v1/session/test-123")).json()
    assert kept.keys() == {"session_id", "created_at", "last_activity", "detected_language", "chat_history"}
    assert (kept["session_id"], kept["detected_language"]) == ("test-123", "en")
    assert kept["created_at"] == "2024-01-15T10:30:00.999Z"
    assert [one["ai_response"] for one in kept["chat_history"]] == [f"answer {number}" for number in range(2, 12)]
    assert kept["chat_history"][0] == {
        "timestamp": "2024-01-15T10:30:00.999Z",
        "user_query": "[Snapshot Mode]",
        "detected_language": "en",
        "image_path": "temp_test-123.jpg",
        "ai_response": "answer 2",
    }


async def test_session_without_an_answer_has_no_language(client, assistant):
    assistant.looks.failure = DomainError(Reason.ENGINE_FAILED, "It broke.")
    await analyze(client)
    kept = await (await client.get("/api/v1/session/test-123")).json()
    assert (kept["detected_language"], kept["chat_history"]) == (None, [])


@pytest.mark.parametrize("session_id", ["unknown", "x" * 129, "a%00b", "reset"])
async def test_unknown_session_is_404(client, session_id):
    await refused(await client.get(f"/api/v1/session/{session_id}"), 404, "Session not found")


@pytest.mark.parametrize("multipart", [True, False])
async def test_reset_forgets_a_session(client, assistant, multipart):
    await analyze(client)
    data = FormData({"session_id": "test-123"}, default_to_multipart=multipart)
    response = await client.post(RESET, data=data)
    told = {"status": "success", "session_id": "test-123", "message": "Session reset successfully"}
    assert (response.status, await response.json()) == (200, told)
    assert (await client.get("/api/v1/session/test-123")).status == 404
    assert await assistant.sessions.list_all(owner_of("test-123")) == []
    response = await client.post(RESET, data=FormData({"session_id": "test-123"}, default_to_multipart=multipart))
    assert (response.status, await response.json()) == (200, told)


async def test_reset_without_an_id_is_400(client):
    for data in ({"data": {}}, {"data": {"session_id": " "}}, {"json": {"session_id": "a"}}, {}):
        await refused(await client.post(RESET, **data), 400, "Missing required field: session_id")
    await refused(await client.post(RESET, data={"session_id": "a\nb"}), 400, INVALID_ID)


async def test_reset_with_too_much_is_a_sentence(client):
    many = "&".join(f"f{number}=1" for number in range(100))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    await refused(await client.post(RESET, data=many, headers=kind), 400, "The form has more than 64 fields")
    large = form(image=bytes(2 * MIB), without=("mode", "audio"))
    await refused(await client.post(RESET, data=large), 413, "Request too large: 2.00MB (max: 1MB)")
    response = await client.post(RESET, data=b"session_id=" + b"a" * (1 << 17), headers=kind)
    assert response.status == 413


async def test_failed_reset_tells_nothing_of_the_inside(client, assistant):
    assistant.sessions.failure = DomainError(Reason.STORAGE_FAILED, "The disk at /secret is broken.")
    await refused(await client.post(RESET, data={"session_id": "a"}), 500, "Failed to reset session")


async def test_root_tells_the_service(client):
    for accept in ("*/*", "text/html"):
        response = await client.get("/", headers={"Accept": accept})
        assert response.status == 200
        assert await response.json() == {
            "service": "Interactive AI Vision Assistant API",
            "version": "1.0.0",
            "status": "running",
        }


async def test_health_names_what_is_missing(client, assistant):
    response = await client.get("/api/v1/health")
    services = dict.fromkeys(("stt", "gemini", "tts", "session"), "available")
    assert (response.status, await response.json()) == (200, {"status": "healthy", "services": services})
    for service, name in (("stt", "stt"), ("vision", "gemini"), ("llm", "gemini"), ("tts", "tts")):
        before = assistant.health.known[service]
        assistant.health.known[service] = ServiceHealth(serving=False, engine=None)
        response = await client.get("/api/v1/health")
        body = await response.json()
        assert (response.status, body["status"]) == (500, "unhealthy")
        assert body["services"] == services | {name: "unavailable"}
        assert body["error"]
        assistant.health.known[service] = before


async def test_paths_of_the_surface_answer_in_its_shape(client):
    await refused(await client.get("/api/v1/session"), 404, "Not Found")
    response = await client.get(ANALYZE)
    assert "POST" in response.headers["Allow"]
    await refused(response, 405, "Method Not Allowed")


async def test_pages_of_any_origin_may_ask(client):
    response = await client.post(ANALYZE, data=form(), headers={"Origin": "https://elsewhere.example"})
    assert response.status == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "X-Response-Text" in response.headers["Access-Control-Expose-Headers"]


async def test_head_tells_as_much_as_get_and_does_nothing(client, assistant):
    for path, status in (
        ("/", 200),
        ("/api/v1/health", 200),
        ("/api/v1/session/none", 404),
        (ANALYZE, 405),
        (RESET, 404),
    ):
        response = await client.head(path)
        assert (response.status, await response.read()) == (status, b""), path
        assert "X-Process-Time" in response.headers
    assert assistant.sessions.kept == {}


@pytest.mark.parametrize("path", [ANALYZE, RESET, "/api/v1/health", "/", "/api/v1/session/a"])
async def test_preflight_is_answered_for_any_origin(start, path):
    client = await start(limits="documented", require_credentials=True)
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    response = await client.options(path, headers=asked)
    assert response.status == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert {"GET", "POST", "OPTIONS"} <= set(response.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("content-type", "authorization", "x-requested-with"))
    assert "X-Process-Time" in response.headers


async def test_session_of_an_id_with_a_slash_is_found(client):
    for session_id, path in (("../../etc", "..%2F..%2Fetc"), ("a b?c#d%", "a%20b%3Fc%23d%25"), ("reset", "reset")):
        assert (await analyze(client, session_id=session_id)).status == 200
        kept = await client.get(URL(f"/api/v1/session/{path}", encoded=True))
        assert (kept.status, (await kept.json())["session_id"]) == (200, session_id)


async def test_credentials_that_mean_nothing_here_do_no_harm(client):
    headers = {"Authorization": "Bearer broken", "X-API-Key": "none"}
    assert (await client.post(ANALYZE, data=form(), headers=headers)).status == 200


async def test_closed_surface_asks_for_a_credential(start):
    client = await start(require_credentials=True)
    assert (await analyze(client)).status == 401
    assert (await client.get("/api/v1/health")).status == 200


def test_preview_is_short_and_safe():
    assert preview("one\ntwo\tthree") == "one two three"
    assert preview("x" * 200) == "x" * 200
    assert preview("x" * 201) == "x" * 200 + "..."
    assert preview("100% sure “yes”") == "100% sure %E2%80%9Cyes%E2%80%9D"
    assert preview("क" * 199 + "क्ष") == preview("क" * 199) + "..."
    for sign in ("👍🏽", "🇮🇳", "👩\u200d🦯", "e\u0301"):
        assert preview("x" * 199 + sign + "y") == "x" * 199 + "..."
    assert preview("x" * 196 + "🇮🇳🇮🇳🇮🇳") == preview("x" * 196 + "🇮🇳🇮🇳") + "..."


@given(st.text())
def test_preview_of_any_text_can_stand_in_a_header(text):
    header = preview(text.encode("utf-8", "ignore").decode())
    assert header.isascii()
    assert header.isprintable()


def test_every_reason_and_sentence_has_its_words():
    assert REASONS.keys() == set(Reason)
    assert REASONS.keys() >= OPERATORS_ONLY
    texts = {(sentence, language): worded(sentence, language) for sentence in Sentence for language in LANGUAGES}
    assert len(set(texts.values())) == len(texts)
    assert worded(Sentence.FAILED, "fr") == worded(Sentence.FAILED, "en")
