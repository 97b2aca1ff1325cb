"""A spoken question, answered by voice, and the answer listened to again."""

import base64
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from framework.cluster import Cluster, running
from framework.media import exit_sign
from framework.models import folder_with_models
from framework.nexus import ask, completed
from framework.waiting import wait_until

pytestmark = [pytest.mark.speech, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with the models that `quintet models pull` has put into the default folder."""
    with running(folder_with_models(tmp_path_factory.mktemp("listening"), "whisper-base"), engines="auto") as cluster:
        yield cluster


@pytest.fixture
def spoken(tmp_path: Path) -> bytes:
    """The question in a human-like voice, as a WAV file."""
    path = tmp_path / "question.wav"
    try:
        subprocess.run(["flite", "-voice", "slt", "-t", "What is twelve times twelve?", "-o", str(path)], check=True)
    except FileNotFoundError:
        pytest.skip("flite is not installed; it speaks the questions of these tests")
    return path.read_bytes()


def test_whisper_is_live(listening):
    with listening.client() as client:
        assert "faster-whisper" in str(client.get("/v1/health").json()["services"]["stt"])


def test_spoken_question_gets_a_spoken_answer(listening, spoken):
    with listening.client() as client:
        files = {"audio": ("question.wav", spoken)}
        result = completed(client, client.post("/api/process/voice-conversation", files=files), within_s=120)
        assert re.sub(r"[^a-z0-9 ]", "", result["transcription"].lower()) in {
            "what is twelve times twelve",
            "what is 12 times 12",
        }
        assert re.fullmatch(r"<p>.*144.*</p>", result["ai_response"], re.DOTALL)
        assert (result["audio_format"], result["language"], result["type"]) == ("mp3", "en", "voice_conversation")
        assert result["success"] is True
        answer = base64.b64decode(result["audio_base64"], validate=True)
        heard = completed(client, client.post("/api/process/voice", files={"audio": answer}), within_s=120)
    print(f"said {result['ai_response']!r}, heard {heard['transcription']!r}")
    assert re.search(r"144|(one|a) hundred (and )?forty[- ]four", heard["transcription"].lower())
    assert 0 < heard["confidence"] <= 1


READY_MIB = 900
AFTER_WORK_MIB = 1.4 * 1024
IDLE_S = 5


def test_memory_of_all_processes(tmp_path, spoken):
    settings = {f"QUINTET_{name}_IDLE_UNLOAD_S": str(IDLE_S) for name in ("LLM", "VISION", "STT", "TTS")}
    with (
        running(folder_with_models(tmp_path), engines="auto", settings=settings) as cluster,
        cluster.client() as client,
    ):
        ready = cluster.pss_mib()
        ask(client, "What is 12 times 12?")
        completed(client, client.post("/api/process/image", files={"image": exit_sign()}))
        completed(client, client.post("/api/process/voice-conversation", files={"audio": spoken}), within_s=120)
        used = cluster.pss_mib()
        rested = wait_until(lambda: mib if (mib := cluster.pss_mib()) <= 1.1 * ready else 0, 4 * IDLE_S, "rest", 0.5)
    print(f"ready {ready:.0f} MiB, after every engine {used:.0f} MiB, after the idle unload {rested:.0f} MiB")
    assert ready < READY_MIB
    assert used < AFTER_WORK_MIB
