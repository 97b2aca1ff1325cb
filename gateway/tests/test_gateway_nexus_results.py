"""What finished jobs are told as."""

import base64

import pytest
from nexus_requests import PNG, WAV, form, success

from quintet.jobs.v1.job_result_pb2 import JobResult, SpeechAudio
from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AudioFormat
from quintet.stt.v1.stt_service_pb2 import Transcript
from quintet.vision.v1.vision_service_pb2 import DetectedObject, DominantColor, ImageAnalysis, TextLine


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
        ("voice", "STORAGE_FAILED", "The folder /srv/quintet is full of holes.", "Processing failed"),
        ("voice-conversation", "NO_SPEECH", "No speech detected", "No speech detected"),
    ],
)
async def test_failed_job_says_why(client, assistant, *, path, reason, message, told):
    job_id = (await success(await client.post(f"/api/process/{path}", data=form(audio=WAV))))["job_id"]
    assistant.jobs.fail(job_id, reason, message)
    body = await success(await client.get(f"/api/status/{job_id}"))
    assert (body["status"], body["error"]) == ("error", told)
