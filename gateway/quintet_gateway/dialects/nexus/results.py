"""What a completed job made, in the shapes of the document."""

import base64
from collections.abc import Callable, Mapping

from google.protobuf.duration_pb2 import Duration

from quintet.jobs.v1.job_result_pb2 import JobResult, SpeechAudio
from quintet.jobs.v1.job_service_pb2 import Job, JobTask
from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AUDIO_ENCODING_PCM_S16LE
from quintet.stt.v1.stt_service_pb2 import Transcript
from quintet.vision.v1.vision_service_pb2 import BoundingBox, ImageAnalysis
from quintet_gateway.dialects.nexus import html
from quintet_gateway.dialects.nexus.json_values import Json
from quintet_gateway.dialects.nexus.translate import TYPES, job_status

_SILENCES: Mapping[int, tuple[str, str]] = {
    Transcript.SILENCE_TOO_SHORT: ("Audio too short", "The recording is too short. Please speak for a little longer."),
    Transcript.SILENCE_TOO_QUIET: ("Audio too quiet", "The recording is too quiet. Please speak up and try again."),
    Transcript.SILENCE_NO_SPEECH: ("No speech detected", "No speech was found in the recording. Please try again."),
}

_BASE64_STEP = 3 << 16


def completed_job(job: Job, result: JobResult) -> dict[str, Json]:
    """Returns the status of a completed job with its `result`."""
    fields = job_status(job)
    fields["result"] = {**_RESULTS[job.task.kind](job, result), "type": TYPES[job.task.kind]}
    return fields


def media_bytes(result: JobResult) -> int:
    """Returns how much sound and picture a result holds, which is nearly all of a large one; asking costs a copy."""
    return len(result.speech.audio) + len(result.enhanced_image)


def _image_analysis(_job: Job, result: JobResult) -> dict[str, Json]:
    return {
        "analysis": _analysis(result.image_analysis),
        "formatted_html": html.image_analysis(result.image_analysis),
        "enhanced_image_base64": _enhanced(result),
    }


def _image_question(job: Job, result: JobResult) -> dict[str, Json]:
    return {
        "image_analysis": _analysis(result.image_analysis),
        "user_question": job.task.text,
        "ai_response": result.answer,
        "formatted_html": html.image_question(result.image_analysis, job.task.text, result.answer),
        "enhanced_image_base64": _enhanced(result),
        "agent_response": False,
    }


def _transcription(job: Job, result: JobResult) -> dict[str, Json]:
    transcript = result.transcript
    fields: dict[str, Json] = {
        "transcription": transcript.text,
        "language": transcript.language or job.task.language,
        "confidence": _share(transcript.confidence),
        # No engine here hears moods, and a guess would be worse than none.
        "emotion": {"dominant_emotion": "unknown", "confidence": 0.0},
        "processing_time": _seconds(result.processing_duration),
    }
    if not transcript.text:
        error, advice = _SILENCES.get(transcript.silence, _SILENCES[Transcript.SILENCE_NO_SPEECH])
        fields.update({"confidence": 0.0, "error": error, "user_message": advice})
    return fields


def _voice_conversation(job: Job, result: JobResult) -> dict[str, Json]:
    return {
        "transcription": result.transcript.text,
        "ai_response": html.paragraphs(result.answer),
        **_speech(job, result.speech),
    }


def _text_to_speech(job: Job, result: JobResult) -> dict[str, Json]:
    return {**_speech(job, result.speech), "text_length": len(job.task.text)}


_RESULTS: Mapping[int, Callable[[Job, JobResult], dict[str, Json]]] = {
    JobTask.KIND_IMAGE_ANALYSIS: _image_analysis,
    JobTask.KIND_IMAGE_QUESTION: _image_question,
    JobTask.KIND_TRANSCRIPTION: _transcription,
    JobTask.KIND_VOICE_CONVERSATION: _voice_conversation,
    JobTask.KIND_SPEECH: _text_to_speech,
}

_AUDIO_FORMATS: Mapping[int, str] = {AUDIO_ENCODING_MP3: "mp3", AUDIO_ENCODING_PCM_S16LE: "pcm"}


def _speech(job: Job, speech: SpeechAudio) -> dict[str, Json]:
    return {
        "audio_base64": _base64(speech.audio),
        "audio_format": _AUDIO_FORMATS.get(speech.format.encoding, "wav"),
        "language": speech.language or job.task.language,
        "original_language": job.task.requested_language or job.task.language,
        "limitations": list(speech.limitations),
        "success": True,
    }


def _analysis(analysis: ImageAnalysis) -> dict[str, Json]:
    return {
        "objects": [found.label for found in analysis.objects],
        "scene_type": analysis.scene,
        "dominant_colors": [color.name for color in analysis.dominant_colors],
        # No engine here reads moods from faces.
        "emotions": [],
        "text_content": "\n".join(line.text for line in analysis.text_lines),
        "confidence_score": _share(analysis.confidence),
        "suggestions": list(analysis.suggestions),
        "processing_time": _seconds(analysis.processing_duration),
        "description": analysis.description,
        "metadata": _metadata(analysis),
    }


def _metadata(analysis: ImageAnalysis) -> Json:
    quality = analysis.quality
    return {
        "image_quality": {
            "sharpness": round(quality.sharpness, 2),
            "brightness": round(quality.brightness, 2),
            "contrast": round(quality.contrast, 2),
            "noise_level": round(quality.noise_level, 2),
            "edge_density": round(quality.edge_density, 4),
            "resolution": f"{analysis.width}x{analysis.height}",
            "quality_score": round(quality.quality_score, 2),
        },
        "format": analysis.format,
        "frame_count": analysis.frame_count,
        "objects": [
            {"label": found.label, "confidence": _share(found.confidence), "box": _box(found.box)}
            for found in analysis.objects
        ],
        "colors": [
            {"name": color.name, "hex": color.hex, "share": _share(color.share)} for color in analysis.dominant_colors
        ],
        "codes": [{"kind": code.kind, "payload": code.payload} for code in analysis.codes],
        "limitations": [limitation.explanation for limitation in analysis.limitations],
    }


def _box(box: BoundingBox) -> Json:
    return {"x": box.x, "y": box.y, "width": box.width, "height": box.height}


def _enhanced(result: JobResult) -> str | None:
    return f"data:image/jpeg;base64,{_base64(result.enhanced_image)}" if result.enhanced_image else None


def _base64(data: bytes) -> str:
    # Megabytes in one call would hold up every other thread; only whole groups of three bytes can be joined.
    steps = (data[start : start + _BASE64_STEP] for start in range(0, len(data), _BASE64_STEP))
    return "".join([base64.b64encode(step).decode("ascii") for step in steps])


def _share(value: float) -> float:
    return round(value, 3)


def _seconds(duration: Duration) -> float:
    return round(duration.seconds + duration.nanos / 1e9, 2)
