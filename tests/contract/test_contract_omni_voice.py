"""The WebSocket of the omni surface over the real processes; speech is heard by the real voice detector."""

import asyncio
import base64
import io
import itertools
import json
import wave

import numpy as np
import pytest
from framework.cluster import running
from framework.media import tone
from framework.metrics import engine_active
from framework.nexus import SCRIPT_HEADER
from framework.omni import TIMESTAMP, Talk, client_of, kept_messages, new_key, talking
from framework.receiver import receiving
from framework.spoken import RATE_HZ, pieces, samples_of, spoken
from framework.waiting import wait_until

DOCUMENTED = {"connected", "vad_status", "status", "response", "error"}
IDLE_S = 2
# What the voice of scripted engines makes of two characters.
SECONDS_A_CHARACTER = 0.05
ENDED = "session.ended"
INTERRUPTIONS = 5


@pytest.fixture(scope="module")
def question(grounded):
    """A question of about two seconds with a second of silence behind it, as float samples."""
    return samples_of(spoken(grounded, "What is seven times eight?"))


@pytest.fixture(scope="module")
def key(scripted):
    return new_key(scripted)


@pytest.fixture(scope="module")
def bounded(tmp_path_factory):
    """A cluster whose connections may be silent only shortly, and whose webhooks reach loopback."""
    settings = {"QUINTET_GATEWAY_OMNI_IDLE_S": str(IDLE_S), "QUINTET_GATEWAY_WEBHOOK_TARGETS": "127.0.0.0/8"}
    with running(tmp_path_factory.mktemp("bounded"), settings=settings) as cluster:
        yield cluster


def at_rate(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    times = np.arange(round(len(samples) * rate_hz / RATE_HZ)) / rate_hz
    return np.interp(times, np.arange(len(samples)) / RATE_HZ, samples).astype("<f4")


def int16(samples: np.ndarray) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


async def send_floats(talk: Talk, samples: np.ndarray, rate_hz: int = RATE_HZ) -> int:
    return await talk.say(at_rate(samples, rate_hz) if rate_hz != RATE_HZ else samples, rate_hz)


async def send_int16(talk: Talk, samples: np.ndarray) -> int:
    whole, step = int16(samples), 2 * RATE_HZ // 10
    for start in range(0, len(whole), step):
        await talk.send_audio(whole[start : start + step])
    return -(-len(whole) // step)


async def send_wav(talk: Talk, samples: np.ndarray) -> int:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE_HZ)
        writer.writeframes(int16(samples))
    await talk.send_audio(file.getvalue())
    return 1


WAYS = {
    "float32 at 16 kHz": send_floats,
    "float32 at 8 kHz": lambda talk, samples: send_floats(talk, samples, 8_000),
    "float32 at 24 kHz": lambda talk, samples: send_floats(talk, samples, 24_000),
    "float32 at 44.1 kHz": lambda talk, samples: send_floats(talk, samples, 44_100),
    "float32 at 48 kHz": lambda talk, samples: send_floats(talk, samples, 48_000),
    "int16": send_int16,
    "one WAV file": send_wav,
}


def check_response(frame: dict, text: str) -> None:
    assert frame.keys() == {"type", "text", "audio_base64", "sample_rate", "processing_time_ms"}
    assert (frame["text"], frame["sample_rate"]) == (text, 24_000)
    assert isinstance(frame["processing_time_ms"], int)
    with wave.open(io.BytesIO(base64.b64decode(frame["audio_base64"], validate=True))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (24_000, 1, 2)
        assert sound.getnframes() > 0.9 * len(text) * SECONDS_A_CHARACTER * 24_000


@pytest.mark.parametrize("way", WAYS)
async def test_spoken_question_is_answered_with_the_documented_messages(scripted, key, question, way):
    async with talking(scripted, key, "text=as you say") as talk:
        connected = await talk.until_type("connected")
        assert connected.keys() == {"type", "session_id"}
        sent = await WAYS[way](talk, question)
        check_response(await talk.until_type("response"), "as you say")
        while talk.types().count("vad_status") < sent:
            await talk.until_type("vad_status")
        assert talk.types("vad_status") == ["connected", "status", "response"]
        assert talk.types().count("vad_status") == sent
        heard = [frame for frame in talk.frames if frame["type"] == "vad_status"]
        assert all(frame.keys() == {"type", "is_speech", "confidence"} for frame in heard)
        assert any(frame["is_speech"] and frame["confidence"] >= 0.5 for frame in heard)
        assert next(frame for frame in talk.frames if frame["type"] == "status")["status"] == "processing"
    said = kept_messages(scripted, connected["session_id"])
    assert said == [("user", "as you say"), ("assistant", "as you say")]


async def test_everything_in_one_chunk_and_then_nothing(scripted, key, question):
    """The network falls silent instead of the person."""
    async with talking(scripted, key, "text=all at once") as talk:
        await talk.say(question[: -round(0.9 * RATE_HZ)], piece_s=60)
        check_response(await talk.until_type("response"), "all at once")
        assert talk.types() == ["connected", "vad_status", "status", "response"]


async def test_real_engines_answer_what_was_asked(grounded, question):
    async with talking(grounded, new_key(grounded)) as talk:
        session = (await talk.until_type("connected"))["session_id"]
        await talk.say(question)
        response = await talk.until_type("response")
        assert response["text"]
        assert set(talk.types()) <= DOCUMENTED
    roles = [role for role, _ in kept_messages(grounded, session)]
    assert roles == ["user", "assistant"]


async def test_stop_ends_the_utterance(scripted, key, question):
    async with talking(scripted, key, "text=stopped in time") as talk:
        await talk.say(question[: -round(0.9 * RATE_HZ)])
        await talk.control("stop")
        check_response(await talk.until_type("response"), "stopped in time")
        await talk.control("stop")
        assert (await talk.until_type("status"))["status"] == "stopped"


async def test_stop_cancels_the_answer(scripted, key, question):
    async with talking(scripted, key, "interval_ms=200") as talk:
        session = (await talk.until_type("connected"))["session_id"]
        await talk.say(question)
        assert (await talk.until_type("status"))["status"] == "processing"
        await wait_for_the_engine(scripted, talk)
        await talk.control("stop")
        assert (await talk.until_type("status"))["status"] == "stopped"
        assert "response" not in talk.types()
    # Nothing of it was sent as sound.
    assert kept_messages(scripted, session)[1:] in ([], [("assistant", "")])


async def test_stop_right_behind_the_end_of_speech_leaves_it_unanswered(scripted, key, question):
    async with talking(scripted, key, "interval_ms=200") as talk:
        session = (await talk.until_type("connected"))["session_id"]
        await talk.say(question)
        assert (await talk.until_type("status"))["status"] == "processing"
        await talk.control("stop")
        assert (await talk.until_type("status"))["status"] == "stopped"
        # This one has nothing to do, and nothing of the question has come before it.
        await talk.control("stop")
        assert (await talk.until_type("status"))["status"] == "stopped"
        assert "response" not in talk.types()
    assert kept_messages(scripted, session)[1:] in ([], [("assistant", "")])


async def wait_for_the_engine(cluster, talk: Talk) -> None:
    await asyncio.to_thread(wait_until, lambda: engine_active(cluster, "llm") >= 1, 20, "an answer in the making")


async def test_reset_forgets_the_history_and_what_was_heard(scripted, key, question):
    async with talking(scripted, key, "text=forget me") as talk:
        session = (await talk.until_type("connected"))["session_id"]
        await talk.say(question)
        await talk.until_type("response")
        assert len(kept_messages(scripted, session)) == 2
        await talk.say(question[: RATE_HZ // 2])
        await talk.control("reset")
        await talk.until(lambda frame: frame == {"type": "status", "status": "reset"})
        assert kept_messages(scripted, session) == []
        with client_of(scripted, key) as client:
            assert client.get(f"/session/{session}").json()["message_count"] == 1


BAD_FRAMES = {
    "no JSON": "hello",
    "half a document": '{"type": "audio_chunk", "data": "',
    "a list": "[]",
    "10,000 deep": "[" * 10_000 + "]" * 10_000,
    "NaN": '{"type": "audio_chunk", "data": "AAAA", "sample_rate": NaN}',
    "unknown type": '{"type": "audio"}',
    "unknown action": '{"type": "control", "action": "pause"}',
    "no action": '{"type": "control"}',
    "no base64": '{"type": "audio_chunk", "data": "%%%%"}',
    "half a base64": '{"type": "audio_chunk", "data": "AAAAA"}',
    "no data": '{"type": "audio_chunk"}',
    "data that is a number": '{"type": "audio_chunk", "data": 5}',
    "half a sample": '{"type": "audio_chunk", "data": "AAAA", "format": "pcm_s16le"}',
    "unknown format": '{"type": "audio_chunk", "data": "AAAA", "format": "mp3"}',
    "rate of nothing": '{"type": "audio_chunk", "data": "AAAAAAAA", "sample_rate": 0}',
    "rate below zero": '{"type": "audio_chunk", "data": "AAAAAAAA", "sample_rate": -16000}',
    "rate of a gigahertz": '{"type": "audio_chunk", "data": "AAAAAAAA", "sample_rate": 1000000000}',
    "rate in words": '{"type": "audio_chunk", "data": "AAAAAAAA", "sample_rate": "fast"}',
    "a WAV file that is none": json.dumps(
        {"type": "audio_chunk", "data": base64.b64encode(b"RIFF\xff\xff\xff\xffWAVEfmt " + b"\xff" * 64).decode()}
    ),
}


async def test_message_that_is_wrong_is_an_error_and_the_connection_stays(scripted, key, question):
    async with talking(scripted, key, "text=still here") as talk:
        for name, text in BAD_FRAMES.items():
            await talk.socket.send_str(text)
            frame = await talk.until_type("error")
            assert frame.keys() == {"type", "error"}, name
            assert frame["error"], name
        assert talk.types() == ["connected", *["error"] * len(BAD_FRAMES)]
        await talk.say(question)
        check_response(await talk.until_type("response"), "still here")


@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
async def test_rate_that_is_not_the_true_one_breaks_nothing(scripted, key, question, rate_hz):
    """It sounds like somebody else, or like no speech; what is sent rightly afterwards is heard."""
    async with talking(scripted, key, "text=now I hear you") as talk:
        await talk.say(question, rate_hz)
        await talk.control("reset")
        await talk.until(lambda frame: frame == {"type": "status", "status": "reset"})
        await talk.say(question)
        check_response(await talk.until_type("response"), "now I hear you")


async def test_binary_frame_ends_the_connection(scripted, key):
    async with talking(scripted, key) as talk:
        await talk.socket.send_bytes(b"\0" * 640)
        assert await talk.closed() == 1003


async def test_enormous_frame_ends_the_connection(scripted, key):
    async with talking(scripted, key) as talk:
        await talk.until_type("connected")
        await talk.socket.send_str(" " * (10 << 20))
        assert await talk.closed() == 1009


async def test_session_goes_on_after_a_reconnect_and_over_two_connections(scripted, key, question):
    async with talking(scripted, key, "text=first") as talk:
        session = (await talk.until_type("connected"))["session_id"]
        await talk.say(question)
        await talk.until_type("response")
    async with (
        talking(scripted, key, "text=second", session_id=session) as second,
        talking(scripted, key, "text=third", session_id=session) as third,
    ):
        for talk, text in ((second, "second"), (third, "third")):
            assert (await talk.until_type("connected"))["session_id"] == session
            await talk.say(question)
            check_response(await talk.until_type("response"), text)
        assert [text for _, text in kept_messages(scripted, session)] == [
            "first", "first", "second", "second", "third", "third",
        ]  # fmt: skip
        with client_of(scripted, key) as client:
            assert client.get(f"/session/{session}").json()["turn_count"] == 3
            assert client.delete(f"/session/{session}").status_code == 200
        assert [await second.closed(), await third.closed()] == [1000, 1000]


async def test_unknown_session_is_a_new_one(scripted, key):
    unknown = "00000000-0000-4000-8000-000000000000"
    async with talking(scripted, key, session_id=unknown) as talk:
        assert (await talk.until_type("connected"))["session_id"] != unknown


async def test_connection_that_says_nothing_is_told_and_closed(bounded):
    async with talking(bounded, new_key(bounded)) as talk:
        assert await talk.closed() == 1000
        assert talk.types() == ["connected", "error"]


async def test_hundred_and_first_session_ends_the_oldest_one(bounded):
    key = new_key(bounded)
    with receiving(lambda *_: 204) as receiver, client_of(bounded, key) as client:
        sessions = [client.post("/session").json()["session_id"] for _ in range(100)]
        hook = {"url": receiver.address, "events": [ENDED]}
        assert client.post("/webhooks", json=hook).status_code == 200
        async with talking(bounded, key, session_id=sessions[0]) as talk:
            assert (await talk.until_type("connected"))["session_id"] == sessions[0]
            newest = client.post("/session").json()["session_id"]
            assert await talk.closed() == 1000
            assert talk.types() == ["connected"]
        kept = client.get("/sessions").json()
        assert (kept["count"], set(kept["sessions"])) == (100, {*sessions[1:], newest})
        await asyncio.to_thread(wait_until, lambda: receiver.attempts, 20, "the event")
    (attempt,) = receiver.attempts
    told = json.loads(attempt.body)
    assert (told["event"], told["data"]) == (ENDED, {"session_id": sessions[0], "reason": "evicted"})
    assert told["signature"] is None
    assert "x-webhook-signature" not in attempt.headers


def test_every_event_is_told_with_its_data(bounded):
    with receiving(lambda *_: 204) as receiver, client_of(bounded) as client:
        assert client.post("/webhooks", json={"url": receiver.address, "secret": "s"}).status_code == 200
        made = client.post("/session").json()
        session, upload = (
            made["session_id"],
            {"files": {"audio": tone(0.3)}, "data": {"session_id": made["session_id"]}},
        )
        answered = client.post("/process", headers={SCRIPT_HEADER: "text=it was heard"}, **upload)
        failed = client.post("/process", headers={SCRIPT_HEADER: "error=ENGINE_FAILED"}, **upload)
        assert (answered.status_code, failed.status_code) == (200, 500)
        assert client.delete(f"/session/{session}").status_code == 200
        wait_until(lambda: len(receiver.attempts) >= 4, 20, "four events")
    told = [json.loads(attempt.body) for attempt in receiver.attempts]
    assert all(one.keys() == {"event", "timestamp", "data", "signature"} for one in told)
    assert all(TIMESTAMP.fullmatch(one["timestamp"]) for one in told)
    took_ms = answered.json()["processing_time_ms"]
    assert [(one["event"], one["data"]) for one in told] == [
        ("session.created", {"session_id": session, "created_at": made["created_at"]}),
        ("response.completed", {"session_id": session, "text": answered.json()["text"], "processing_time_ms": took_ms}),
        ("error.occurred", {"session_id": session, "error": failed.json()["detail"]}),
        ("session.ended", {"session_id": session, "reason": "deleted"}),
    ]
    assert len({attempt.headers["x-webhook-event-id"] for attempt in receiver.attempts}) == 4


def sound_s(frames: list[dict]) -> float:
    """Returns how much sound of answers has come in pieces."""
    chunks = [frame for frame in frames if frame["type"] == "response_chunk" and "audio_base64" in frame]
    assert all((frame["sample_rate"], frame["format"]) == (24_000, "pcm_s16le") for frame in chunks)
    return sum(len(base64.b64decode(frame["audio_base64"])) for frame in chunks) / 48_000


async def test_streamed_answer_comes_in_pieces_as_they_are_made(scripted, key, question):
    async with talking(scripted, key, "text=one two three", stream="true", interim="true") as talk:
        await talk.say(question)
        response = await talk.until_type("response")
        assert (response["text"], "audio_base64" in response) == ("one two three", False)
        chunks = [frame for frame in talk.frames if frame["type"] == "response_chunk"]
        assert [frame["index"] for frame in chunks] == list(range(len(chunks)))
        assert "".join(frame["text"] for frame in chunks) == "one two three"
        assert sound_s(talk.frames) >= 13 * SECONDS_A_CHARACTER
        final = [frame for frame in talk.frames if frame["type"] == "transcript" and frame["is_final"]]
        assert [frame["text"] for frame in final] == ["one two three"]


async def test_interim_text_comes_while_somebody_speaks(scripted, key, question):
    speech = question[: -round(0.9 * RATE_HZ)]
    async with talking(scripted, key, "text=word by word", interim="true") as talk:
        reading = asyncio.create_task(talk.until_type("transcript"))
        # In the pace of a microphone, and on and on: whoever falls silent is not told interim texts.
        for chunk in itertools.cycle(pieces(speech, 0.1)):
            if reading.done():
                break
            await talk.send_audio(chunk)
            await asyncio.sleep(0.1)
        assert (await reading) == {"type": "transcript", "text": "word by word", "is_final": False}


@pytest.mark.slow
async def test_speech_during_a_streamed_answer_ends_it_and_history_holds_what_was_said(scripted, key, question):
    heard_s = []
    async with talking(scripted, key, "interval_ms=10", stream="true") as talk:
        session = (await talk.until_type("connected"))["session_id"]
        await talk.say(question)
        for _ in range(INTERRUPTIONS):
            begun = len(talk.frames)
            await talk.until(lambda _, begun=begun: sound_s(talk.frames[begun:]) > 1.5)
            await talk.say(question)
            await talk.until(lambda frame: frame == {"type": "status", "status": "interrupted"})
            heard_s.append(sound_s(talk.frames[begun:]))
            quiet = len(talk.frames)
            # Of the answer that was cut nothing comes any more; the next one begins with its own status.
            await talk.until(lambda frame: frame == {"type": "status", "status": "processing"})
            assert "response_chunk" not in [frame["type"] for frame in talk.frames[quiet:]]

    def said() -> list[str]:
        kept = [text for role, text in kept_messages(scripted, session) if role == "assistant"]
        return kept[:INTERRUPTIONS] if len(kept) >= INTERRUPTIONS else []

    kept = await asyncio.to_thread(wait_until, said, 10, "the answers")
    print(f"interrupted after {heard_s} s of sound; history holds {kept}")
    whole = " ".join(f"w{number}" for number in range(60))
    for text, seconds in zip(kept, heard_s, strict=True):
        assert whole.startswith(text.rstrip())
        assert 0 < len(text) <= seconds / SECONDS_A_CHARACTER + 2
