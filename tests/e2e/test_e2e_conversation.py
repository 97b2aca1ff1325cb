"""Spoken conversations with whisper-base: over the WebSocket of omni, by upload, and about a picture."""

import asyncio
import base64
import io
import re
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from framework.cluster import Cluster, running
from framework.media import encoded
from framework.models import folder_with_models
from framework.nexus import completed
from framework.omni import Talk, client_of, new_key, talking
from framework.spoken import RATE_HZ, pieces, samples_of
from PIL import Image, ImageDraw, ImageFont

pytestmark = [pytest.mark.speech, pytest.mark.timeout(300)]

PIECE_S = 0.1


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with the models that `quintet models pull` has put into the default folder."""
    with running(folder_with_models(tmp_path_factory.mktemp("listening"), "whisper-base"), engines="auto") as cluster:
        yield cluster


@pytest.fixture
def say(tmp_path: Path):
    """Returns a text in a human-like voice, as a WAV file."""

    def say(text: str) -> bytes:
        path = tmp_path / "said.wav"
        try:
            subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(path)], check=True)
        except FileNotFoundError:
            pytest.skip("flite is not installed; it speaks the questions of these tests")
        return path.read_bytes()

    return say


async def speak(talk: Talk, samples: np.ndarray) -> None:
    """Sends samples at the pace of a microphone."""
    begun = asyncio.get_running_loop().time()
    for number, piece in enumerate(pieces(samples, PIECE_S), 1):
        await asyncio.sleep(max(0.0, begun + number * PIECE_S - asyncio.get_running_loop().time()))
        await talk.send_audio(piece, RATE_HZ)


def heard_again(cluster: Cluster, audio: bytes) -> str:
    """Returns what the recogniser understands of an answer."""
    with cluster.client() as client:
        result = completed(client, client.post("/api/process/voice", files={"audio": audio}), within_s=120)
    return str(result["transcription"]).lower()


def says_144(text: str) -> bool:
    return re.search(r"144|(one|a) hundred (and )?forty[- ]four", text.lower()) is not None


async def test_a_conversation_is_answered_and_remembered(listening, say):
    async with talking(listening, new_key(listening), interim="true") as talk:
        for text in ("Hello. My name is Robert.", "What is twelve times twelve?", "What is my name?"):
            samples = np.concatenate([samples_of(say(text)), np.zeros(2 * RATE_HZ, np.float32)])
            speaking = asyncio.create_task(speak(talk, samples))
            answer = await talk.until_type("response")
            await speaking
            print(f"said {text!r}, heard {transcript_of(talk)!r}, answered {answer['text']!r}")
            if "times" in text:
                assert says_144(answer["text"])
                assert says_144(heard_again(listening, base64.b64decode(answer["audio_base64"])))
        assert "Robert" in answer["text"]


def transcript_of(talk: Talk) -> str:
    return str([frame["text"] for frame in talk.frames if frame["type"] == "transcript" and frame["is_final"]][-1])


async def test_a_reply_is_cut_short_and_history_tells_what_was_said(listening, say):
    async with talking(listening, new_key(listening), stream="true") as talk:
        question = np.concatenate([samples_of(say("What can you do?")), np.zeros(RATE_HZ, np.float32)])
        await speak(talk, question)
        await talk.until(lambda frame: bool(frame.get("audio_base64")))
        await speak(talk, samples_of(say("Wait, stop please. What is twelve times twelve?")))
        await talk.until(lambda frame: frame.get("status") == "interrupted")
        speaking = asyncio.create_task(speak(talk, np.zeros(3 * RATE_HZ, np.float32)))
        answer = await talk.until_type("response")
        await speaking
    assert says_144(answer["text"])


def test_a_recording_is_answered(listening, say):
    with client_of(listening) as client:
        response = client.post("/process", files={"audio": say("What is twelve times twelve?")})
        assert response.status_code == 200, response.text
        answer = response.json()
    assert says_144(answer["text"])
    audio = base64.b64decode(answer["audio_base64"], validate=True)
    with wave.open(io.BytesIO(audio)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (24_000, 1, 2)
    assert says_144(heard_again(listening, audio))


def test_a_question_about_a_picture_is_answered_aloud(listening, say):
    image = Image.new("RGB", (1280, 720), "white")
    ImageDraw.Draw(image).text((100, 250), "Main Street", fill="black", font=ImageFont.load_default(size=140))
    form = {"session_id": "street", "mode": "conversation"}
    files = {"image": encoded(image, "JPEG"), "audio": say("What does the sign say?")}
    with listening.client() as client:
        response = client.post("/api/v1/analyze", data=form, files=files)
        assert response.status_code == 200, response.text
        assert "Main Street" in response.headers["X-Response-Text"]
        asked = client.get("/api/v1/session/street").json()["chat_history"][0]
    assert "sign say" in asked["user_query"].lower()
    assert "main street" in heard_again(listening, response.content)
