"""The WebSocket of the omni surface: what it hears, what it tells, and how it ends."""

import base64
import io
import json
import struct
import wave

import pytest
from omni_requests import LEAD, NO_SESSION, Holder, hear, kept_id, say, success

from quintet.media.v1.audio_pb2 import (
    AUDIO_ENCODING_FILE,
    AUDIO_ENCODING_PCM_F32LE,
    AUDIO_ENCODING_PCM_S16LE,
    AudioFormat,
)
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import voice
from quintet_testing import eventually

FORMAT = AudioFormat(encoding=AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=24000, channel_count=1)
SOUND = base64.b64encode(struct.pack("<4h", 300, -200, 5000, 7)).decode()
PCM = b"\x01\x02" * 300


@pytest.fixture
def holder(assistant, client):
    return Holder(assistant, client)


def conversation_of(assistant):
    return assistant.voice.conversations[-1]


def answered(text="It is noon.", audio=PCM, took_s=0.25):
    return voice.Answered(text, audio, FORMAT, took_s)


async def test_first_message_names_the_session(holder, assistant):
    connection, session_id = await holder.connect()
    assert holder.sessions == {kept_id(session_id)}
    assert [event.type for _, event in assistant.sessions.told] == ["session.created"]
    await connection.close()
    await eventually(lambda: is_set(conversation_of(assistant).closed))
    assert holder.sessions == {kept_id(session_id)}
    _, again = await holder.connect(session_id)
    assert again == session_id


@pytest.mark.parametrize("told_id", [NO_SESSION, "abc", "x" * 500, "\x00", ""])
async def test_unknown_session_is_a_new_one(holder, told_id):
    connection = await holder.client.ws_connect("/ws", params={"api_key": holder.secret, "session_id": told_id})
    told = await hear(connection)
    assert told["session_id"] != told_id
    assert holder.sessions == {kept_id(told["session_id"])}


async def test_session_of_another_key_is_a_new_one(holder, assistant, client):
    theirs = await Holder(assistant, client, "other").new_session()
    _, session_id = await holder.connect(theirs)
    assert session_id != theirs


async def test_key_in_the_header_opens_a_connection(holder):
    headers = {"Authorization": f"Bearer {holder.secret}"}
    connection = await holder.client.ws_connect("/ws", headers=headers)
    assert (await hear(connection))["type"] == "connected"


async def test_every_chunk_is_answered_in_order(holder, assistant):
    connection, _ = await holder.connect()
    for number, probability in enumerate((0.25, 0.5, 0.85)):
        conversation_of(assistant).probability = probability
        await say(connection, type="audio_chunk", data=SOUND, sample_rate=8000 + number)
        told = await hear(connection)
        assert told == {"type": "vad_status", "is_speech": probability >= 0.5, "confidence": probability}
    assert [audio.sample_rate_hz for audio in conversation_of(assistant).heard] == [8000, 8001, 8002]
    assert {audio.encoding for audio in conversation_of(assistant).heard} == {AUDIO_ENCODING_PCM_S16LE}


async def test_chunks_of_all_kinds_are_taken(holder, assistant):
    connection, _ = await holder.connect()
    floats, wav = struct.pack("<2f", 0.25, -0.5), b"RIFF\0\0\0\0WAVEfmt " + bytes(40)
    for data in (floats, wav):
        await say(connection, type="audio_chunk", data=base64.b64encode(data).decode())
    url = f"data:audio/wav;base64,{base64.b64encode(wav).decode()}"
    await say(connection, type="audio_chunk", data=url, sample_rate=48000.0)
    await say(connection, type="audio_chunk", data=SOUND, format="pcm_s16le", sample_rate=None, more=1)
    for _ in range(4):
        assert (await hear(connection))["type"] == "vad_status"
    heard = conversation_of(assistant).heard
    encodings = [AUDIO_ENCODING_PCM_F32LE, AUDIO_ENCODING_FILE, AUDIO_ENCODING_FILE, AUDIO_ENCODING_PCM_S16LE]
    assert [audio.encoding for audio in heard] == encodings
    assert [audio.data for audio in heard[:3]] == [floats, wav, wav]
    assert [audio.sample_rate_hz for audio in heard] == [16000, 16000, 48000, 16000]


async def test_exchange_of_the_document(holder, assistant):
    connection, session_id = await holder.connect()
    conversation = conversation_of(assistant)
    conversation.tell(
        voice.SpeechBegan(),
        voice.Interim("What ti", "en"),
        voice.Processing(),
        voice.Heard("What time is it?", "en"),
        answered(),
    )
    assert await hear(connection) == {"type": "status", "status": "processing"}
    told = await hear(connection)
    sound = base64.b64decode(told.pop("audio_base64"), validate=True)
    assert told == {"type": "response", "text": "It is noon.", "sample_rate": 24000, "processing_time_ms": 250}
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.readframes(9000)) == (24000, 1, LEAD + PCM)
    options = conversation.options
    assert (options.surface, options.interim, options.streamed) == ("omni", False, False)
    assert options.speech.sample_rate_hz == 24000
    ask = options.ask("What time is it?", "mr")
    assert (ask.owner, ask.session_id, ask.text) == (holder.owner, kept_id(session_id), "What time is it?")
    assert (ask.language, ask.kept_by_caller, ask.context_messages) == ("mr", True, 40)
    event = options.completed("It is noon.", 1.5)
    assert event.type == "response.completed"
    assert json.loads(event.data) == {"text": "It is noon.", "processing_time_ms": 1500}


async def test_answer_without_sound_has_no_such_key(holder, assistant):
    connection, _ = await holder.connect()
    conversation_of(assistant).tell(answered(audio=b""))
    told = await hear(connection)
    assert told == {"type": "response", "text": "It is noon.", "sample_rate": 24000, "processing_time_ms": 250}


async def test_long_answer_comes_whole_among_others(holder, assistant):
    connection, _ = await holder.connect()
    long = bytes(range(256)) * 12_000
    conversation_of(assistant).tell(voice.Activity(0.1, False), answered("ü" * 5000, long), voice.Activity(0.2, False))
    assert (await hear(connection))["confidence"] == 0.1
    told = await hear(connection)
    assert told["text"] == "ü" * 5000
    with wave.open(io.BytesIO(base64.b64decode(told["audio_base64"]))) as file:
        assert file.readframes(file.getnframes()) == LEAD + long
    assert (await hear(connection))["confidence"] == 0.2


async def test_failure_is_told_and_the_conversation_goes_on(holder, assistant):
    connection, session_id = await holder.connect()
    error = DomainError(Reason.ENGINE_FAILED, "The voice broke.")
    conversation_of(assistant).tell(voice.Processing(), voice.Failed(error), voice.Processing(), answered())
    kinds = [await hear(connection) for _ in range(4)]
    assert [one["type"] for one in kinds] == ["status", "error", "status", "response"]
    assert kinds[1] == {"type": "error", "error": "The voice broke."}
    ((owner, whose, event),) = assistant.webhooks.published
    assert (owner, whose, event.type) == (holder.owner, kept_id(session_id), "error.occurred")


async def test_failure_of_the_inside_is_not_told_in_full(holder, assistant):
    connection, _ = await holder.connect()
    conversation_of(assistant).tell(voice.Failed(DomainError(Reason.STORAGE_FAILED, "/srv/store.db is damaged.")))
    assert await hear(connection) == {"type": "error", "error": "Internal server error"}


async def test_busy_engine_is_an_error_that_is_nobody_elses_concern(holder, assistant):
    connection, _ = await holder.connect()
    conversation_of(assistant).tell(voice.Failed(DomainError(Reason.ENGINE_BUSY, "Too much at once.")))
    assert await hear(connection) == {"type": "error", "error": "Too much at once."}
    assert not assistant.webhooks.published


async def test_stop_ends_the_utterance_or_says_that_there_is_nothing(holder, assistant):
    connection, _ = await holder.connect()
    await say(connection, type="control", action="stop")
    conversation = conversation_of(assistant)
    await eventually(lambda: counts(conversation, stops=1))
    conversation.tell(voice.NothingToStop())
    assert await hear(connection) == {"type": "status", "status": "stopped"}
    conversation.tell(voice.Processing(), voice.Interrupted("It is"))
    assert [(await hear(connection))["status"] for _ in range(2)] == ["processing", "stopped"]


async def test_reset_forgets_the_history_and_keeps_the_session(holder, assistant):
    session_id = await holder.new_session(system_prompt="Be brief.")
    session, messages = assistant.sessions.kept[holder.owner, kept_id(session_id)]
    assistant.chat.keep(holder.owner, session, 1, "Hello", "")
    connection, _ = await holder.connect(session_id)
    await say(connection, type="control", action="reset")
    assert await hear(connection) == {"type": "status", "status": "reset"}
    assert not messages
    shown = await success(await holder.ask("GET", f"/session/{session_id}"))
    assert shown["message_count"] == 1
    assert conversation_of(assistant).options.ask("x", "en").system_prompt == "Be brief."


async def test_reset_that_fails_is_an_error(holder, assistant):
    connection, _ = await holder.connect()
    assistant.sessions.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.")
    await say(connection, type="control", action="reset")
    assert await hear(connection) == {"type": "error", "error": "Away."}


BAD_FRAMES = [
    "",
    "{",
    "[]",
    "7",
    "null",
    '"audio_chunk"',
    "\ufeff{}",
    "[" * 100_000,
    '{"type": NaN}',
    "{}",
    '{"type": 5}',
    '{"type": ["audio_chunk"]}',
    '{"type": "vad_status"}',
    '{"type": "control"}',
    '{"type": "control", "action": "jump"}',
    '{"type": "control", "action": {}}',
    '{"type": "audio_chunk"}',
    '{"type": "audio_chunk", "data": ""}',
    '{"type": "audio_chunk", "data": 5}',
    '{"type": "audio_chunk", "data": "===="}',
    '{"type": "audio_chunk", "data": "QUJD*"}',
    '{"type": "audio_chunk", "data": "QUJ"}',
    '{"type": "audio_chunk", "data": "ÄÖÜ="}',
    '{"type": "audio_chunk", "data": "\\ud800"}',
    '{"type": "audio_chunk", "data": "data:audio/wav;base64,"}',
    '{"type": "audio_chunk", "data": "QUJD"}',
    '{"type": "audio_chunk", "data": "QUJDRA==", "sample_rate": 0}',
    '{"type": "audio_chunk", "data": "QUJDRA==", "sample_rate": 7999}',
    '{"type": "audio_chunk", "data": "QUJDRA==", "sample_rate": 1e9}',
    '{"type": "audio_chunk", "data": "QUJDRA==", "sample_rate": "16000"}',
    '{"type": "audio_chunk", "data": "QUJDRA==", "sample_rate": true}',
    '{"type": "audio_chunk", "data": "QUJDRA==", "format": "mp5"}',
    '{"type": "audio_chunk", "data": "QUJDRA==", "format": 5}',
    json.dumps({"type": "audio_chunk", "data": base64.b64encode(bytes((1 << 20) + 4)).decode()}),
]


@pytest.mark.parametrize("text", BAD_FRAMES, ids=lambda text: text[:60].encode("unicode_escape").decode())
async def test_message_that_is_none_is_an_error_and_the_next_one_counts(holder, assistant, text):
    connection, _ = await holder.connect()
    await connection.send_str(text)
    told = await hear(connection)
    assert told.keys() == {"type", "error"}
    assert told["type"] == "error"
    assert told["error"]
    await say(connection, type="audio_chunk", data=SOUND)
    assert (await hear(connection))["type"] == "vad_status"
    assert len(conversation_of(assistant).heard) == 1


async def test_stt_that_fails_is_an_error_for_each_chunk(holder, assistant):
    connection, _ = await holder.connect()
    conversation_of(assistant).failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Nobody listens.")
    await say(connection, type="audio_chunk", data=SOUND)
    assert await hear(connection) == {"type": "error", "error": "Nobody listens."}


async def test_streamed_answer_comes_in_pieces(holder, assistant):
    connection, _ = await holder.connect(stream="true", interim="1")
    conversation = conversation_of(assistant)
    assert (conversation.options.streamed, conversation.options.interim) == (True, True)
    conversation.tell(
        voice.SpeechBegan(),
        voice.Interim("What ti", "en"),
        voice.Processing(),
        voice.Heard("What time?", "en"),
        voice.AnswerText("It is "),
        voice.AnswerSound(b"\x01\x00", FORMAT, 0.2),
        voice.AnswerText("noon."),
        voice.AnswerSound(b"\x02\x00", FORMAT, 0.4),
        answered(audio=b""),
        voice.Processing(),
        voice.AnswerText("Well"),
        voice.Interrupted("Well"),
        voice.Processing(),
        voice.NothingToStop(),
    )
    sound = {"type": "response_chunk", "text": "", "sample_rate": 24000, "format": "pcm_s16le"}
    expected = [
        {"type": "transcript", "text": "What ti", "is_final": False},
        {"type": "status", "status": "processing"},
        {"type": "transcript", "text": "What time?", "is_final": True},
        {"type": "response_chunk", "index": 0, "text": "It is "},
        {**sound, "index": 1, "audio_base64": "AQA="},
        {"type": "response_chunk", "index": 2, "text": "noon."},
        {**sound, "index": 3, "audio_base64": "AgA="},
        {"type": "response", "text": "It is noon.", "sample_rate": 24000, "processing_time_ms": 250},
        {"type": "status", "status": "processing"},
        {"type": "response_chunk", "index": 0, "text": "Well"},
        {"type": "status", "status": "interrupted"},
        {"type": "status", "status": "processing"},
        {"type": "status", "status": "stopped"},
    ]
    assert [await hear(connection) for _ in expected] == expected


async def test_events_of_one_connection_never_reach_another(holder, assistant):
    one, session_id = await holder.connect()
    first = conversation_of(assistant)
    two, _ = await holder.connect(session_id)
    conversation_of(assistant).tell(answered("For two."))
    first.tell(answered("For one."))
    assert (await hear(one))["text"] == "For one."
    assert (await hear(two))["text"] == "For two."


async def is_set(event):
    return event.is_set()


async def counts(conversation, *, stops=0, heard=0):
    return (conversation.stops, len(conversation.heard)) == (stops, heard)
