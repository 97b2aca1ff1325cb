"""The sight surface over the real processes: real pictures, real speech, and sound that is decoded to its end."""

import io
import struct
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import av
import grpc
import httpx
import numpy as np
import pytest
from framework.cluster import Cluster
from framework.media import audio_seconds, encoded, recording, truncated_jpeg, wav
from framework.nexus import SCRIPT_HEADER
from framework.spoken import RATE_HZ
from framework.waiting import wait_until
from PIL import Image, ImageDraw, ImageFont

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_PCM_S16LE
from quintet.tts.v1.tts_service_pb2 import SynthesizeRequest
from quintet.tts.v1.tts_service_pb2_grpc import TtsServiceStub

ANALYZE = "/api/v1/analyze"
ESPEAK_RATE_HZ = 22_050
WAV_HEADER_BYTES = 44
FAILED = "error=ENGINE_FAILED"


def sign(width: int = 640, height: int = 360) -> Image.Image:
    """A white picture that says EXIT 42 on its left side."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).text((40, 90), "EXIT 42", fill="black", font=ImageFont.load_default(size=80))
    return image


JPEG = encoded(sign(), "JPEG")


def turned() -> bytes:
    """The sign lying on its side, with the note that says how it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(sign().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)


@pytest.fixture(scope="module")
def client(grounded):
    with grounded.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def on_script(scripted):
    with scripted.client() as opened:
        yield opened


@pytest.fixture
def session():
    return f"session-{uuid.uuid4()}"


def look(client: httpx.Client, session: str, image: bytes = JPEG, audio: bytes = b"", **more) -> httpx.Response:
    """Sends what curl would: the recording has no type that tells anything."""
    files = {"image": ("photo.jpg", image, "image/jpeg")}
    if audio:
        files["audio"] = ("question.wav", audio, "application/octet-stream")
    fields = {"session_id": session, "mode": "conversation" if audio else "snapshot", **more.pop("fields", {})}
    return client.post(ANALYZE, data=fields, files=files, **more)


def said(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return unquote(response.headers["X-Response-Text"])


def decoded(sound: bytes) -> tuple[str, int, int, float, float]:
    """Decodes a file to its end; returns its codec, sample rate, bit rate, seconds, and loudest sample."""
    with av.open(io.BytesIO(sound)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        loudest = max(float(np.abs(frame.to_ndarray()).max()) for frame in frames)
        seconds = sum(frame.samples / frame.sample_rate for frame in frames)
        return stream.codec_context.name, stream.rate, stream.codec_context.bit_rate, seconds, loudest


def refused(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.json().keys() == {"detail"}
    assert float(response.headers["X-Process-Time"]) >= 0
    return str(response.json()["detail"])


@pytest.mark.slow
def test_description_is_an_mp3_that_plays_to_its_end(client, session):
    response = look(client, session)
    assert "EXIT 42" in said(response)
    assert response.headers["Content-Type"] == "audio/mpeg"
    assert response.headers["Content-Disposition"] == "attachment; filename=response.mp3"
    assert response.headers["X-Detected-Language"] == "en"
    codec, rate, bits, seconds, loudest = decoded(response.content)
    assert (codec.startswith("mp3"), rate, bits) == (True, 44_100, 128_000)
    # A voice says ten to twenty characters a second.
    assert len(said(response)) / 25 < seconds < len(said(response)) / 5
    assert loudest > 0.05
    assert len(response.content) == pytest.approx(seconds * bits / 8, rel=0.1)


@pytest.mark.parametrize("asked", [{"headers": {"Accept": "audio/wav"}}, {"fields": {"response_format": "wav"}}])
def test_small_player_skips_44_bytes_and_plays_the_rest(on_script, session, asked):
    response = look(on_script, session, **asked)
    assert response.headers["Content-Type"] == "audio/wav"
    body = response.content
    assert int(response.headers["Content-Length"]) == len(body)
    riff, size, wave, fmt, of_format, kind, channels, rate, a_second, block, bits, data, rest = struct.unpack(
        "<4sI4s4sIHHIIHH4sI", body[:WAV_HEADER_BYTES]
    )
    assert (riff, wave, fmt, data) == (b"RIFF", b"WAVE", b"fmt ", b"data")
    assert (size, rest) == (len(body) - 8, len(body) - WAV_HEADER_BYTES)
    assert (of_format, kind, channels, rate, a_second, block, bits) == (16, 1, 1, 16_000, 32_000, 2, 16)
    played = np.frombuffer(body[WAV_HEADER_BYTES:], "<i2")
    assert 1 < len(played) / rate < 60
    assert np.abs(played.astype(int)).max() > 1000


@pytest.mark.parametrize(
    "picture",
    [truncated_jpeg(), b"\xff\xd8\xff\xe0" + bytes(2000), b"\xff\xd8\xff", JPEG[:200] + b"\xff\xd8\xff" * 100],
    ids=["half of it", "zeros", "three bytes", "markers"],
)
def test_what_only_begins_as_a_jpeg_is_a_sentence(client, session, picture):
    assert refused(look(client, session, picture), 400)


@pytest.mark.parametrize(
    "picture",
    [encoded(sign().convert("CMYK"), "JPEG", progressive=True), turned()],
    ids=["four colours", "turned by EXIF"],
)
def test_every_kind_of_jpeg_is_read(client, session, picture):
    assert "EXIT 42" in said(look(client, session, picture))


@pytest.mark.parametrize(
    "sound",
    [b"RIFF\x24\x00\x00\x00WAVE", b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(500)],
    ids=["head only", "zeros"],
)
def test_what_only_begins_as_a_wav_is_a_sentence(client, session, sound):
    assert refused(look(client, session, audio=sound), 400)
    assert client.get(f"/api/v1/session/{session}").json()["chat_history"] == []


def test_another_format_is_told_by_its_bytes(client, session):
    assert refused(look(client, session, encoded(sign(), "PNG")), 400) == "Image must be JPEG format"
    assert refused(look(client, session, audio=recording("mp3")), 400) == "Audio must be WAV format"


def test_silence_is_answered_as_a_snapshot(client, session):
    assert "EXIT 42" in said(look(client, session, audio=wav(bytes(4 * RATE_HZ), RATE_HZ)))
    (kept,) = client.get(f"/api/v1/session/{session}").json()["chat_history"]
    assert kept["user_query"] == "[Snapshot Mode]"


def question(cluster: Cluster, text: str) -> bytes:
    """Returns what `espeak -w` would write: a WAV file of 22.05 kHz."""
    request = SynthesizeRequest(
        text=text, language="en", encoding=AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=ESPEAK_RATE_HZ
    )
    with grpc.insecure_channel(cluster.grpc_address("tts")) as channel:
        events = TtsServiceStub(channel).Synthesize(request, timeout=60)
        return wav(b"".join(event.audio for event in events), ESPEAK_RATE_HZ)


def test_question_of_another_rate_is_heard_and_stays_in_the_session(client, grounded, session):
    described = said(look(client, session))
    answered = said(look(client, session, audio=question(grounded, "How many people are there?")))
    kept = client.get(f"/api/v1/session/{session}").json()
    assert kept.keys() == {"session_id", "created_at", "last_activity", "detected_language", "chat_history"}
    assert (kept["session_id"], kept["detected_language"]) == (session, "en")
    assert kept["created_at"] <= kept["chat_history"][0]["timestamp"] <= kept["last_activity"]
    snapshot, asked = kept["chat_history"]
    assert (snapshot["user_query"], snapshot["image_path"]) == ("[Snapshot Mode]", f"temp_{session}.jpg")
    assert snapshot["ai_response"].startswith(described.removesuffix("..."))
    # What the small recogniser makes of a synthetic voice differs; that it heard a question does not.
    assert asked["user_query"] not in ("", "[Snapshot Mode]")
    assert asked["detected_language"] == "en"
    assert asked["ai_response"].startswith(answered.removesuffix("..."))
    reset = client.post("/api/v1/session/reset", files={"session_id": (None, session)})
    assert reset.json() == {"status": "success", "session_id": session, "message": "Session reset successfully"}
    assert refused(client.get(f"/api/v1/session/{session}"), 404) == "Session not found"


def test_four_sessions_are_served_at_once(client):
    sessions = [f"four-{number}-{uuid.uuid4()}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda one: look(client, one), sessions))
    for session, response in zip(sessions, responses, strict=True):
        assert "EXIT 42" in said(response)
        assert audio_seconds(response.content) > 1
        assert len(client.get(f"/api/v1/session/{session}").json()["chat_history"]) == 1


@pytest.mark.parametrize(("accept", "kind"), [("*/*", "audio/mpeg"), ("audio/wav", "audio/wav")])
def test_failure_of_an_engine_is_told_aloud(on_script, session, accept, kind):
    response = look(on_script, session, headers={SCRIPT_HEADER: FAILED, "Accept": accept})
    assert (response.status_code, response.headers["Content-Type"]) == (500, kind)
    assert response.headers["X-Error-Type"] == "EngineFailedError"
    assert response.headers["X-Error-Message"]
    assert response.headers["X-Detected-Language"] == "en"
    # The script of this request is not played by the voice that tells of it.
    assert audio_seconds(response.content) > 1
    assert on_script.get(f"/api/v1/session/{session}").json()["chat_history"] == []


def test_first_request_of_all_that_is_refused_is_told_aloud(limited, session):
    with limited.client() as client:
        wait_until(lambda: time.time() % 60 < 50, 15, "a minute with time for the test")
        for _ in range(10):
            assert refused(look(client, session, fields={"mode": "wrong"}), 400).startswith("Invalid mode.")
        response = look(client, session)
        assert (response.status_code, response.headers["Content-Type"]) == (429, "audio/mpeg")
        assert response.headers["X-Rate-Limit-Exceeded"] == "true"
        assert not [name for name in response.headers if name.lower().startswith("x-ratelimit")]
        assert audio_seconds(response.content) > 1
        assert look(client, f"{session}-other").status_code == 200


def test_client_that_leaves_frees_its_session(on_script, scripted, session):
    slow = {"headers": {SCRIPT_HEADER: "steps=600,interval_ms=100"}}
    leaving = threading.Event()
    gone = threading.Thread(target=_leave, args=(scripted, session, slow, leaving))
    gone.start()
    gone.join()
    assert leaving.is_set()
    began = time.monotonic()
    assert audio_seconds(look(on_script, session).content) > 0
    # The first one would have taken a minute.
    assert time.monotonic() - began < 30
    assert len(on_script.get(f"/api/v1/session/{session}").json()["chat_history"]) == 1


def _leave(cluster: Cluster, session: str, slow: dict, leaving: threading.Event) -> None:
    with cluster.client(timeout=1.0) as client:
        try:
            look(client, session, **slow)
        except httpx.TimeoutException:
            leaving.set()
