"""Recordings of the omni surface: heard, answered, spoken."""

import asyncio
import base64
import io
import json
import wave

import aiohttp
import pytest
from omni_requests import LEAD, NO_SESSION, Holder, failure, kept_id, success

from quintet.chat.v1.chat_service_pb2 import StreamChatRequest
from quintet.session.v1.session_service_pb2 import Message
from quintet.stt.v1.stt_service_pb2 import Transcript
from quintet_errors import DomainError, Reason
from quintet_testing import eventually

WAV = b"RIFF\x24\x10\0\0WAVEfmt " + bytes(4096)


@pytest.fixture
def holder(assistant, client):
    return Holder(assistant, client)


def form(audio=WAV, filename="audio.wav", **fields):
    """A form as `requests` sends it: the file's part has no type."""
    parts = aiohttp.MultipartWriter("form-data")
    for name, value in fields.items():
        parts.append(value).set_content_disposition("form-data", name=name)
    if audio is not None:
        part = parts.append(audio)
        part.set_content_disposition("form-data", name="audio", filename=filename)
        del part.headers["Content-Type"]
    return parts


async def process(holder, **chosen):
    return await holder.ask("POST", "/process", data=form(**chosen))


async def test_recording_is_answered_aloud_and_kept(holder, assistant):
    session_id = await holder.new_session(system_prompt="Be brief.", max_history_turns=3)
    body = await success(await process(holder, session_id=session_id, return_audio="true"))
    sound = base64.b64decode(body.pop("audio_base64"), validate=True)
    assert body.pop("processing_time_ms") >= 0
    assert body == {"session_id": session_id, "text": "It is 144.", "sample_rate": 24000}
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
        assert file.readframes(file.getnframes()) == LEAD + assistant.voice.pcm * 2
    assert sound[:4] == b"RIFF"
    assert int.from_bytes(sound[4:8], "little") == len(sound) - 8
    _, messages = assistant.sessions.kept[holder.owner, kept_id(session_id)]
    assert [(one.role, one.content) for one in messages] == [
        (Message.ROLE_USER, "What is 12 times 12?"),
        (Message.ROLE_ASSISTANT, "It is 144."),
    ]
    ((whose, event),) = assistant.chat.told
    assert (whose, event.type) == (kept_id(session_id), "response.completed")
    told = json.loads(event.data)
    assert told.keys() == {"text", "processing_time_ms"}
    assert told["text"] == "It is 144."
    assert assistant.voice.hearing.heard == [WAV]
    assert assistant.voice.hearing.cuts == [30]


async def test_model_is_shown_the_prompt_and_the_last_turns(start, assistant):
    client = await start(omni_temperature=0.1, omni_max_new_tokens=50)
    holder = Holder(assistant, client)
    session_id = await holder.new_session(system_prompt="Speak like a sailor.", max_history_turns=3)
    assistant.voice.hearing.transcript = Transcript(text="नमस्ते", language="hi")
    await success(await process(holder, session_id=session_id))
    (ask,) = assistant.chat.asks
    assert (ask.owner, ask.text, ask.session_id) == (holder.owner, "नमस्ते", kept_id(session_id))
    assert (ask.system_prompt, ask.context_messages, ask.language) == ("Speak like a sailor.", 6, "hi")
    assert (ask.style, ask.kept_by_caller) == (StreamChatRequest.STYLE_SPOKEN, True)
    assert (ask.temperature, ask.max_output_tokens) == (0.1, 50)
    (options,) = assistant.voice.options
    assert (options.sample_rate_hz, options.language) == (24000, "hi")


@pytest.mark.parametrize("word", ["false", "False", " 0 ", "no"])
async def test_answer_without_sound(holder, assistant, word):
    body = await success(await process(holder, return_audio=word))
    assert (body["audio_base64"], body["sample_rate"], body["text"]) == (None, 24000, "It is 144.")
    assert assistant.voice.options == [None]


async def test_session_is_made_where_none_is_named(holder, assistant):
    body = await success(await process(holder))
    assert {kept_id(body["session_id"])} == holder.sessions
    again = await success(await process(holder, session_id=body["session_id"]))
    assert again["session_id"] == body["session_id"]
    blank = await success(await process(holder, session_id=" "))
    assert blank["session_id"] != body["session_id"]
    shown = await success(await holder.ask("GET", f"/session/{body['session_id']}"))
    assert (shown["message_count"], shown["turn_count"]) == (5, 2)


async def test_long_answer_comes_whole(holder, assistant):
    assistant.voice.pcm = bytes(range(256)) * 8192
    body = await success(await process(holder))
    sound = base64.b64decode(body["audio_base64"], validate=True)
    with wave.open(io.BytesIO(sound)) as file:
        assert file.readframes(file.getnframes()) == LEAD + assistant.voice.pcm * 2


@pytest.mark.parametrize(
    "chosen",
    [
        {"audio": None},
        {"audio": b""},
        {"audio": b"\0" * 5000},
        {"audio": b"#EXTM3U\nhttp://inside.example/x\n"},
        {"audio": b"PK\x03\x04" + bytes(100), "filename": "audio.wav"},
        {"audio": WAV, "return_audio": "maybe"},
        {"audio": WAV + bytes(25 << 20)},
        {"audio": WAV, "session_id": b"\xff\xfe"},
    ],
    ids=["missing", "empty", "zeros", "playlist", "archive", "flag", "too large", "not UTF-8"],
)
async def test_form_that_holds_no_recording_is_400(holder, assistant, chosen):
    await failure(await process(holder, **chosen), 400, "Bad Request")
    assert not holder.sessions
    assert not assistant.webhooks.published


async def test_empty_recording_is_told_to_be_empty(holder):
    await failure(await process(holder, audio=b""), 400, "Bad Request", "The file is empty.")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b""),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\nRIFF',
        ),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n" * 10_000 + b"--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nX: " + b"y" * 100_000 + b"\r\n\r\n\r\n--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n--b--\r\n",
        ),
    ],
    ids=["JSON", "no boundary", "nothing", "no end", "10,000 parts", "huge header", "nested"],
)
async def test_broken_form_is_400(holder, content_type, body):
    response = await holder.ask("POST", "/process", data=body, headers={"Content-Type": content_type})
    await failure(response, 400, "Bad Request")


async def test_file_name_is_of_no_importance(holder, tmp_path):
    body = await success(await process(holder, filename="../../\0etc/passwd"))
    assert body["text"] == "It is 144."


@pytest.mark.parametrize("told_id", [NO_SESSION, "abc123", "0" * 32, "../x"])
async def test_unknown_session_is_404(holder, assistant, told_id):
    body = await failure(await process(holder, session_id=told_id), 404, "Session not found")
    assert body["detail"] == f"No session with ID: {told_id}"
    assert not assistant.voice.hearing.heard


async def test_session_of_another_key_is_404(holder, assistant, client):
    stranger = Holder(assistant, client, "other")
    session_id = await stranger.new_session()
    await failure(await process(holder, session_id=session_id), 404, "Session not found")


@pytest.mark.parametrize(
    ("silence", "detail"),
    [
        (Transcript.SILENCE_TOO_SHORT, "No speech detected: the recording is too short."),
        (Transcript.SILENCE_TOO_QUIET, "No speech detected: the recording is too quiet."),
        (Transcript.SILENCE_NO_SPEECH, "No speech detected in the recording."),
    ],
)
async def test_recording_without_speech_is_400_and_makes_no_session(holder, assistant, silence, detail):
    assistant.voice.hearing.transcript = Transcript(silence=silence)
    await failure(await process(holder), 400, "Bad Request", detail)
    assert not holder.sessions
    assert not assistant.webhooks.published


HEARING = {
    Reason.UNDECODABLE_MEDIA: (400, "Bad Request"),
    Reason.UNSUPPORTED_FORMAT: (400, "Bad Request"),
    Reason.PAYLOAD_TOO_LARGE: (400, "Bad Request"),
    Reason.ENGINE_BUSY: (429, "Rate limited"),
    Reason.ENGINE_FAILED: (500, "Processing failed"),
    Reason.SERVICE_UNAVAILABLE: (500, "Processing failed"),
    Reason.DEADLINE_EXCEEDED: (500, "Processing failed"),
}


@pytest.mark.parametrize("reason", HEARING)
async def test_recording_that_cannot_be_heard(holder, assistant, reason):
    session_id = await holder.new_session()
    assistant.voice.hearing.failure = DomainError(reason, "It failed.")
    status, error = HEARING[reason]
    await failure(await process(holder, session_id=session_id), status, error, "It failed.")
    published = [(whose, session, event.type) for whose, session, event in assistant.webhooks.published]
    assert published == ([(holder.owner, kept_id(session_id), "error.occurred")] if status == 500 else [])


async def test_failed_answer_is_500_told_and_not_kept(holder, assistant):
    session_id = await holder.new_session()
    assistant.chat.failure = DomainError(Reason.ENGINE_FAILED, "The model stumbled.")
    await failure(await process(holder, session_id=session_id), 500, "Processing failed", "The model stumbled.")
    ((_, whose, event),) = assistant.webhooks.published
    assert (whose, event.type) == (kept_id(session_id), "error.occurred")
    assert json.loads(event.data) == {"error": "The model stumbled."}
    assert not assistant.sessions.kept[holder.owner, kept_id(session_id)][1]
    assert not assistant.chat.told


async def test_failure_that_cannot_be_told_stays_the_failure(holder, assistant):
    assistant.chat.failure = DomainError(Reason.ENGINE_FAILED, "The model stumbled.")
    assistant.webhooks.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.")
    await failure(await process(holder), 500, "Processing failed", "The model stumbled.")


async def test_client_that_leaves_stops_the_model(holder, assistant):
    assistant.chat.release.clear()
    asking = asyncio.create_task(process(holder))
    await eventually(lambda: is_set(assistant.chat.said))
    asking.cancel()
    await eventually(lambda: is_set(assistant.chat.closed))
    assert assistant.chat.running == 0
    assert not assistant.chat.told


async def is_set(event):
    return event.is_set()
