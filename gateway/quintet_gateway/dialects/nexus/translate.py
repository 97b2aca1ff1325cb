"""Messages of the services to the JSON of the document."""

from collections.abc import Mapping, Sequence

from quintet.jobs.v1.job_service_pb2 import Job, JobTask
from quintet.media.v1.engine_pb2 import Engine
from quintet.session.v1.session_service_pb2 import Message, Session
from quintet_errors import Reason
from quintet_gateway.assistant import ServiceHealth
from quintet_gateway.dialects.nexus.errors import OPERATORS_ONLY
from quintet_gateway.dialects.nexus.json_values import Json
from quintet_gateway.dialects.nexus.languages import effective_language
from quintet_gateway.dialects.nexus.schemas import SpeechRequest, UploadRequest
from quintet_gateway.http.times import format_time

API_VERSION = "1.0.0"

TYPES: Mapping[int, str] = {
    JobTask.KIND_IMAGE_ANALYSIS: "image_analysis",
    JobTask.KIND_IMAGE_QUESTION: "image_text_analysis",
    JobTask.KIND_TRANSCRIPTION: "voice_to_text",
    JobTask.KIND_VOICE_CONVERSATION: "voice_conversation",
    JobTask.KIND_SPEECH: "text_to_speech",
}
_STATES: Mapping[int, str] = {
    Job.STATE_QUEUED: "queued",
    Job.STATE_RUNNING: "processing",
    Job.STATE_COMPLETED: "completed",
    Job.STATE_FAILED: "error",
    Job.STATE_CANCELLED: "error",
}
_SPEAKERS: Mapping[int, str] = {Message.ROLE_USER: "user", Message.ROLE_ASSISTANT: "ai"}
_SUBJECTS: Mapping[int, str] = {
    JobTask.KIND_IMAGE_ANALYSIS: "image",
    JobTask.KIND_IMAGE_QUESTION: "image",
    JobTask.KIND_TRANSCRIPTION: "audio",
    JobTask.KIND_VOICE_CONVERSATION: "audio",
}
_ENGINE_KINDS: Mapping[int, str] = {
    Engine.KIND_NEURAL: "neural",
    Engine.KIND_EMBEDDED: "embedded",
    Engine.KIND_REMOTE: "remote",
    Engine.KIND_SCRIPTED: "scripted",
}
_UNREADABLE = frozenset({Reason.UNDECODABLE_MEDIA.value, Reason.UNSUPPORTED_FORMAT.value})


def created_session(session: Session) -> dict[str, Json]:
    """Returns what the creator of a session is told."""
    return {
        "session_id": session.session_id,
        "title": session.title,
        "created_at": format_time(session.create_time),
    }


def session_list(sessions: Sequence[Session]) -> dict[str, Json]:
    """Returns the list of sessions."""
    return {"sessions": [_listed(session) for session in sessions]}


def conversation(session: Session, messages: Sequence[Message]) -> dict[str, Json]:
    """Returns a session with what the person and the assistant said in it."""
    return {
        "session_id": session.session_id,
        "title": session.title,
        "messages": [
            {
                "type": _SPEAKERS[message.role],
                "content": message.content,
                "timestamp": format_time(message.create_time),
            }
            for message in messages
            if message.role in _SPEAKERS
        ],
    }


def upload_task(kind: JobTask.Kind.ValueType, request: UploadRequest, script: str) -> JobTask:
    """Returns the task of an uploaded file."""
    return JobTask(
        kind=kind,
        text=request.question,
        language=effective_language(request.language),
        requested_language=request.language,
        session_id=request.session_id or "",
        script=script,
    )


def speech_task(request: SpeechRequest, script: str) -> JobTask:
    """Returns the task of a text to speak."""
    return JobTask(
        kind=JobTask.KIND_SPEECH,
        text=request.text,
        language=effective_language(request.language),
        requested_language=request.language,
        session_id=request.session_id or "",
        script=script,
    )


def job_status(job: Job) -> dict[str, Json]:
    """Returns how far a job is, without its result."""
    status = _STATES[job.state]
    fields: dict[str, Json] = {
        "job_id": job.job_id,
        "status": status,
        "progress": 0 if status == "error" else job.progress_percent,
        "type": TYPES[job.task.kind],
        "created_at": format_time(job.create_time),
    }
    if job.HasField("finish_time"):
        fields["completed_at"] = format_time(job.finish_time)
    if status == "error":
        fields["error"] = _job_error(job)
    return fields


def health(services: Mapping[str, ServiceHealth]) -> dict[str, Json]:
    """Returns the health of everything; one absent model service takes away only what needs it."""
    complete = all(service.serving for service in services.values())
    return {
        "status": "healthy" if complete else "degraded",
        "version": API_VERSION,
        "services": {name: _service(service) for name, service in services.items()},
    }


def _listed(session: Session) -> Json:
    return {
        "id": session.session_id,
        "title": session.title,
        "created_at": format_time(session.create_time),
        "updated_at": format_time(session.update_time),
        "message_count": session.message_count,
    }


def _service(service: ServiceHealth) -> Json:
    if service.engine is None or not service.engine.name:
        return {"status": "healthy" if service.serving else "unavailable"}
    engine = service.engine
    return {
        "status": "healthy",
        "engine": engine.name,
        "kind": _ENGINE_KINDS.get(engine.kind, "unknown"),
        "model": engine.model or None,
        "loaded": engine.loaded,
        "limitations": [limitation.explanation for limitation in engine.limitations],
    }


def _job_error(job: Job) -> str:
    if job.state == Job.STATE_CANCELLED:
        return "The job was cancelled"
    subject = _SUBJECTS.get(job.task.kind)
    if subject and job.error.reason in _UNREADABLE:
        return f"Failed to process {subject}: Invalid format"
    if job.error.reason == Reason.IMAGE_TOO_LARGE.value:
        return f"Failed to process image: {job.error.message}"
    if job.error.reason in OPERATORS_ONLY:
        return "Processing failed"
    return job.error.message or "Processing failed"
