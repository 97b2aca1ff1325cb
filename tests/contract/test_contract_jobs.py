"""What jobs say while they run and when they have ended."""

import base64
import io

import pytest
from framework.media import (
    audio_seconds,
    exit_sign,
    pixel_bomb,
    recording,
    small_picture,
    tone,
    truncated_jpeg,
    two_hours,
)
from framework.nexus import LANGUAGES, SCRIPT_HEADER, TIMESTAMP, accepted, completed, ended
from framework.waiting import wait_until
from PIL import Image

ANALYSIS = {
    "objects": list,
    "scene_type": str,
    "dominant_colors": list,
    "emotions": list,
    "text_content": str,
    "confidence_score": float,
    "suggestions": list,
    "processing_time": float,
}
QUALITY = {"sharpness", "brightness", "contrast", "noise_level", "edge_density", "resolution", "quality_score"}
DATA_URL = "data:image/jpeg;base64,"
SENTENCES = {
    "en": "Good morning", "es": "Buenos días", "fr": "Bonjour", "de": "Guten Morgen", "it": "Buongiorno",
    "pt": "Bom dia", "ru": "Доброе утро", "ja": "おはようございます", "ko": "좋은 아침입니다", "zh": "早上好",
    "ar": "صباح الخير", "hi": "सुप्रभात", "ur": "صبح بخیر", "th": "สวัสดีตอนเช้า",
}  # fmt: skip


@pytest.fixture(scope="module")
def client(grounded):
    with grounded.client() as opened:
        yield opened


def assert_analysis(analysis):
    for key, wanted in ANALYSIS.items():
        assert isinstance(analysis[key], wanted), (key, analysis[key])
    assert all(isinstance(name, str) for key in ("objects", "dominant_colors", "suggestions") for name in analysis[key])
    assert 0 <= analysis["confidence_score"] <= 1
    assert analysis["emotions"] == [], "nothing here reads emotions"
    if "metadata" in analysis:
        assert analysis["metadata"]["image_quality"].keys() >= QUALITY


def test_picture_with_text_and_a_red_square(client):
    result = completed(client, client.post("/api/process/image", files={"image": exit_sign()}))
    analysis = result["analysis"]
    assert_analysis(analysis)
    assert "EXIT 42" in analysis["text_content"]
    assert any("red" in name.lower() for name in analysis["dominant_colors"])
    html = result["formatted_html"]
    assert html.startswith("<div class='image-analysis-result'>")
    assert html.endswith("</div>")
    assert "EXIT 42" in html
    assert "red" in html.lower()
    assert result["type"] == "image_analysis"
    assert result["enhanced_image_base64"].startswith(DATA_URL)
    enhanced = base64.b64decode(result["enhanced_image_base64"].removeprefix(DATA_URL), validate=True)
    assert Image.open(io.BytesIO(enhanced)).format == "JPEG"


def test_question_about_a_picture(client):
    form = {"question": "What does the sign say? <b>'x'</b>"}
    result = completed(client, client.post("/v1/process/image-with-text", files={"image": exit_sign()}, data=form))
    assert_analysis(result["image_analysis"])
    assert result["user_question"] == form["question"]
    assert "EXIT 42" in result["ai_response"]
    assert result["agent_response"] is False
    assert result["type"] == "image_text_analysis"
    assert "combined-analysis" in result["formatted_html"].partition(">")[0]
    assert "<b>" not in result["formatted_html"]
    assert result["enhanced_image_base64"].startswith(DATA_URL)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
@pytest.mark.parametrize("name", ["blob", "wrong.txt"])
def test_every_picture_format_whatever_its_name(client, file_format, name):
    upload = {"image": (name, small_picture(file_format), "text/plain")}
    result = completed(client, client.post("/api/process/image", files=upload))
    assert any("blue" in colour for colour in result["analysis"]["dominant_colors"])


@pytest.mark.parametrize("container", ["wav", "mp3", "webm", "ogg", "flac"])
def test_recording_without_speech_is_completed_and_says_so(client, container):
    upload = {"audio": ("recording.bin", recording(container), "application/octet-stream")}
    job_id = accepted(client.post("/api/process/voice", files=upload, data={"language": "en"}))
    status = ended(client, job_id)
    assert (status["status"], status["type"]) == ("completed", "voice_to_text")
    result = status["result"]
    assert (result["transcription"], result["confidence"]) == ("", 0.0)
    assert result["error"]
    assert result["user_message"]
    assert result["emotion"] == {"dominant_emotion": "unknown", "confidence": 0} or result["emotion"] == {
        "dominant_emotion": "unknown",
        "confidence": 0.0,
    }
    assert isinstance(result["processing_time"], float)
    assert result["language"] == "en"
    assert result["type"] == "voice_to_text"


def test_conversation_without_speech_ends_in_its_error(client):
    status = ended(client, accepted(client.post("/api/process/voice-conversation", files={"audio": tone()})))
    assert (status["status"], status["progress"], status["error"]) == ("error", 0, "No speech detected")
    assert status["type"] == "voice_conversation"
    assert TIMESTAMP.fullmatch(status["completed_at"])
    assert "result" not in status


@pytest.mark.parametrize("language", LANGUAGES)
def test_speech_in_every_documented_language(client, language):
    body = {"text": SENTENCES[language], "language": language}
    result = completed(client, client.post("/api/process/text-to-speech", json=body))
    assert result["language"] == language
    assert result["original_language"] == language
    assert result["audio_format"] == "mp3"
    assert result["text_length"] == len(SENTENCES[language])
    assert result["type"] == "text_to_speech"
    assert result["success"] is True
    assert 0.3 < audio_seconds(base64.b64decode(result["audio_base64"], validate=True)) < 10


@pytest.mark.parametrize(
    ("asked", "spoken"), [(None, "en"), ("en-US", "en"), ("pt-BR", "pt"), ("zh-CN", "zh"), ("xx", "en"), ("", "en")]
)
def test_language_forms(client, asked, spoken):
    body = {"text": "Hello"} | ({} if asked is None else {"language": asked})
    result = completed(client, client.post("/api/process/text-to-speech", json=body))
    assert result["language"] == spoken


FAILING = {
    "truncated JPEG": ("/api/process/image", "image", truncated_jpeg, "Failed to process image"),
    "pixel bomb": ("/api/process/image", "image", pixel_bomb, "Failed to process image"),
    "two hours": ("/api/process/voice", "audio", two_hours, "Audio is longer than 30 minutes"),
    "cut WebM": ("/api/process/voice", "audio", lambda: recording("webm")[:60], ""),
}


@pytest.mark.parametrize("row", FAILING, ids=str)
def test_file_that_cannot_be_read_ends_the_job_in_an_error(client, row):
    path, field, media, text = FAILING[row]
    status = ended(client, accepted(client.post(path, files={field: media()})))
    assert (status["status"], status["progress"]) == ("error", 0)
    assert status["error"].startswith(text)
    assert status["error"]
    assert "result" not in status
    assert TIMESTAMP.fullmatch(status["completed_at"])


def test_progress_is_true_and_never_falls(scripted):
    with scripted.client() as client:
        headers = {SCRIPT_HEADER: "steps=10,interval_ms=100"}
        job_id = accepted(client.post("/api/process/image", files={"image": small_picture()}, headers=headers))
        seen: list[tuple[str, int]] = []

        def probe() -> bool:
            status = client.get(f"/api/status/{job_id}").json()
            seen.append((status["status"], status["progress"]))
            assert ("result" in status) == (status["status"] == "completed")
            assert ("completed_at" in status) == (status["status"] == "completed")
            return status["status"] == "completed"

        wait_until(probe, 30, "the scripted job")
    numbers = [progress for _, progress in seen]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 100
    running = {progress for state, progress in seen if state == "processing"}
    assert len(running) >= 3, f"no truthful progress: {sorted(running)}"
    assert max(running) < 100


def test_failed_engine_ends_the_job_in_an_error(scripted):
    with scripted.client() as client:
        headers = {SCRIPT_HEADER: "error=ENGINE_FAILED"}
        status = ended(
            client, accepted(client.post("/api/process/image", files={"image": small_picture()}, headers=headers))
        )
    assert (status["status"], status["progress"]) == ("error", 0)
    assert isinstance(status["error"], str)


@pytest.mark.slow
def test_status_of_a_result_of_megabytes(client):
    body = {"text": "This sentence is spoken again and again. " * 120}
    result = completed(client, client.post("/api/process/text-to-speech", json=body), within_s=90)
    assert len(result["audio_base64"]) > 500_000
