"""Programs as the omni and the sight document show them, with only the base URL changed, run as programs."""

import json
import re
import sys
from pathlib import Path

import pytest
from framework.media import audio_seconds, encoded
from framework.omni import new_key
from framework.programs import run
from framework.spoken import spoken
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent


@pytest.fixture
def question(grounded, tmp_path):
    path = tmp_path / "question.wav"
    path.write_bytes(spoken(grounded, "What is in front of me?"))
    return path


@pytest.fixture
def picture(tmp_path):
    """A JPEG of 640 by 480 with a word in it."""
    image = Image.new("RGB", (640, 480), "white")
    ImageDraw.Draw(image).text((60, 180), "EXIT 42", fill="black", font=ImageFont.load_default(size=96))
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(image, "JPEG"))
    return path


def test_omni_python_program(scripted, question):
    found = json.loads(run(sys.executable, HERE / "omni_client.py", scripted.base_url, new_key(scripted), question))
    assert found["created"].keys() == {"session_id", "created_at", "message_count", "turn_count"}
    assert (found["created"]["message_count"], found["created"]["turn_count"]) == (1, 0)
    assert (found["status"], found["same_session"]) == (200, True)
    assert found["text"]
    assert found["sound"][:3] == [24000, 1, 2]
    assert found["sound"][3] > 1000
    assert found["took_ms"] > 0
    assert (found["unasked"]["audio_base64"], found["unasked"]["sample_rate"]) == (None, 24000)
    assert (found["session"]["message_count"], found["session"]["turn_count"]) == (3, 1)
    assert found["sessions"]["count"] == len(found["sessions"]["sessions"]) == 2
    assert found["cleared"]["status"] == "cleared"
    assert found["deleted"]["status"] == "deleted"
    assert found["afterwards"] == 404


def test_sight_python_program(grounded, picture, question, tmp_path):
    found = json.loads(run(sys.executable, HERE / "sight_client.py", grounded.base_url, picture, question, tmp_path))
    assert found["health"]["services"].keys() == {"stt", "gemini", "tts", "session"}
    for name in ("snapshot", "conversation"):
        assert found[name]["status"] == 200
        headers = found[name]["headers"]
        assert headers["Content-Type"] == "audio/mpeg"
        assert headers["Content-Disposition"] == "attachment; filename=response.mp3"
        assert headers["X-Response-Text"]
        assert re.fullmatch(r"\d+\.\d\d", headers["X-Process-Time"])
        assert audio_seconds((tmp_path / f"{name}.mp3").read_bytes()) > 0.5
    assert "EXIT 42" in found["snapshot"]["headers"]["X-Response-Text"]
    history = found["session"]["chat_history"]
    assert len(history) == 2
    assert history[0]["user_query"] == "[Snapshot Mode]"


def test_a_board_plays_what_it_gets(grounded, picture):
    played = json.loads(run(sys.executable, HERE / "esp32_client.py", "127.0.0.1", grounded.port, picture))
    assert (played["status"], played["type"]) == (200, "audio/wav")
    assert bytes.fromhex(played["header"])[:4] == b"RIFF"
    assert bytes.fromhex(played["header"])[36:40] == b"data"
    assert played["samples"] > 8000
    assert played["loudest"] > 1000


@pytest.mark.clients
def test_sight_curl_calls(grounded, picture, question, tmp_path):
    output = run(HERE / "sight_curl_client.sh", grounded.base_url, picture, question, tmp_path)
    assert dict(re.findall(r"== (\S+) (\d{3})", output)) == {
        "health": "200",
        "snapshot": "200",
        "conversation": "200",
        "session": "200",
        "reset": "200",
        "gone": "404",
        "test-123": "200",
    }
    for name in ("snapshot", "conversation", "response"):
        assert audio_seconds((tmp_path / f"{name}.mp3").read_bytes()) > 0.5
    assert "content-type: audio/mpeg" in (tmp_path / "snapshot.headers").read_text().lower()
    reset = json.loads((tmp_path / "reset.json").read_text())
    assert reset["message"] == "Session reset successfully"
    assert json.loads((tmp_path / "gone.json").read_text()) == {"detail": "Session not found"}
