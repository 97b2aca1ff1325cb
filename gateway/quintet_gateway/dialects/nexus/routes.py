"""The thirteen endpoints."""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from quintet.jobs.v1.job_service_pb2 import Job, JobTask
from quintet_errors import DomainError, Reason
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Owner
from quintet_gateway.dialects.nexus import schemas, translate
from quintet_gateway.dialects.nexus.access import SURFACE, Admission, ApiKeys
from quintet_gateway.dialects.nexus.answers import Answers
from quintet_gateway.dialects.nexus.envelope import succeed
from quintet_gateway.dialects.nexus.errors import not_found, render
from quintet_gateway.dialects.nexus.results import completed_job, media_bytes
from quintet_gateway.dialects.nexus.words import WordEvents
from quintet_gateway.http.drain import DRAIN
from quintet_gateway.http.entry import CONTEXT
from quintet_gateway.http.forms import FileRule, Form, open_form
from quintet_gateway.http.large_json import LARGE_BYTES, MANY_ITEMS
from quintet_gateway.http.rate_limits import RateLimiter
from quintet_gateway.http.routing import Handler, add_route
from quintet_gateway.http.sse import EventRelay
from quintet_gateway.http.surfaces import Keyless, Surface

_NEW_TITLE = "New Chat"
_PREFIXES = (
    ("api",),
    *((base, name) for base in ("api", "v1") for name in ("health", "sessions", "process", "status", "clear-history")),
)


@dataclass(frozen=True)
class StreamTimes:
    """The times of a stream in seconds: comments in silence, the wait for a client that does not read, word pauses."""

    silence_s: float = 15.0
    write_s: float = 20.0
    word_pause_s: float = 0.0


@dataclass(frozen=True)
class _Upload:
    """How one kind of upload becomes a job."""

    kind: JobTask.Kind.ValueType
    file: FileRule
    check: Callable[[Form], schemas.UploadRequest]
    id_prefix: str
    message: str


class Nexus:
    """The surface and its handlers. `keys` are the accepted API keys, empty for any; None limits nothing."""

    def __init__(self, keys: ApiKeys, limiter: RateLimiter | None, times: StreamTimes) -> None:
        self._keys = keys
        self._times = times
        self._answers = Answers()
        keyless = Keyless(frozenset({"/api/health", "/v1/health"}), keys.has_valid_key)
        self.surface = Surface(SURFACE, _PREFIXES, render, Admission(keys, limiter), keyless=keyless)

    def add_routes(self, app: web.Application) -> None:
        """Adds each endpoint at both of its paths."""
        app.on_cleanup.append(self._answers.close)
        for method, path, handler in self._endpoints():
            for base in ("/api", "/v1"):
                add_route(app, method, base + path, handler)

    def _endpoints(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/health", self._health),
            ("POST", "/sessions", self._create_session),
            ("GET", "/sessions", self._list_sessions),
            ("GET", "/sessions/{session_id}/messages", self._list_messages),
            ("DELETE", "/sessions/{session_id}", self._delete_session),
            ("POST", "/process/text", self._process_text),
            ("POST", "/process/image", self._uploader(_IMAGE)),
            ("POST", "/process/image-with-text", self._uploader(_IMAGE_WITH_TEXT)),
            ("POST", "/process/voice", self._uploader(_VOICE)),
            ("POST", "/process/voice-conversation", self._uploader(_VOICE_CONVERSATION)),
            ("POST", "/process/text-to-speech", self._text_to_speech),
            ("GET", "/status/{job_id}", self._job_status),
            ("POST", "/clear-history", self._clear_history),
        ]

    async def _health(self, request: web.Request) -> web.Response:
        services = await request.app[ASSISTANT].health.services()
        if request.app[DRAIN].begun:
            raise DomainError(Reason.SERVICE_UNAVAILABLE, "The server is shutting down")
        if not services["session"].serving:
            raise DomainError(Reason.SERVICE_UNAVAILABLE, "The session service is not available")
        return succeed(translate.health(services))

    async def _create_session(self, request: web.Request) -> web.Response:
        owner = self._keys.owner(request)
        await schemas.read_optional_object(request)
        return succeed(translate.created_session(await request.app[ASSISTANT].sessions.create(owner, _NEW_TITLE)))

    async def _list_sessions(self, request: web.Request) -> web.Response:
        sessions = await request.app[ASSISTANT].sessions.list_all(self._keys.owner(request))
        large = len(sessions) > MANY_ITEMS
        return await self._answers.succeed(lambda: translate.session_list(sessions), large=large)

    async def _list_messages(self, request: web.Request) -> web.Response:
        owner, session_id = self._keys.owner(request), _path_id(request, "session_id", "Session")
        session, messages = await request.app[ASSISTANT].sessions.messages(owner, session_id)
        large = len(messages) > MANY_ITEMS or sum(len(one.content) for one in messages) > LARGE_BYTES
        return await self._answers.succeed(lambda: translate.conversation(session, messages), large=large)

    async def _delete_session(self, request: web.Request) -> web.Response:
        owner, session_id = self._keys.owner(request), _path_id(request, "session_id", "Session")
        await request.app[ASSISTANT].sessions.delete(owner, session_id)
        return succeed({"message": "Session deleted successfully"})

    async def _process_text(self, request: web.Request) -> web.StreamResponse:
        owner = self._keys.owner(request)
        asked = await schemas.read_text_request(request)
        answer = request.app[ASSISTANT].chat.answer(owner, asked.session_id, asked.message)
        times = self._times
        relay = EventRelay(WordEvents(), silence_s=times.silence_s, write_s=times.write_s, pause_s=times.word_pause_s)
        return await relay.run(request, answer)

    def _uploader(self, upload: _Upload) -> Handler:
        async def accept(request: web.Request) -> web.Response:
            owner = self._keys.owner(request)
            async with open_form(request, upload.file) as form:
                asked = upload.check(form)
                task = translate.upload_task(upload.kind, asked, request[CONTEXT].script)
                job = await request.app[ASSISTANT].jobs.accept(owner, task, upload.id_prefix, asked.file.chunks())
            return _accepted(job, upload.message)

        return accept

    async def _text_to_speech(self, request: web.Request) -> web.Response:
        owner = self._keys.owner(request)
        asked = await schemas.read_speech_request(request)
        task = translate.speech_task(asked, request[CONTEXT].script)
        return _accepted(await request.app[ASSISTANT].jobs.accept(owner, task, "tts"), "TTS started")

    async def _job_status(self, request: web.Request) -> web.Response:
        owner, job_id = self._keys.owner(request), _path_id(request, "job_id", "Job")
        jobs = request.app[ASSISTANT].jobs
        job = await jobs.get(owner, job_id)
        if job.state != Job.STATE_COMPLETED:
            return succeed(translate.job_status(job), repeat=False)
        result = await jobs.result(owner, job_id)
        large = media_bytes(result) > LARGE_BYTES
        return await self._answers.succeed(lambda: completed_job(job, result), large=large, repeat=False)

    async def _clear_history(self, request: web.Request) -> web.Response:
        owner = self._keys.owner(request)
        session_id = schemas.read_session_id(await schemas.read_optional_object(request))
        if session_id is not None:
            await _clear(request, owner, session_id)
        return succeed({"message": "Chat history cleared"})


async def _clear(request: web.Request, owner: Owner, session_id: str) -> None:
    try:
        await request.app[ASSISTANT].sessions.clear(owner, session_id)
    except DomainError as error:
        # The document has no 404 here: a history that does not exist is as clear as it can be.
        if error.reason is not Reason.SESSION_NOT_FOUND:
            raise


def _accepted(job: Job, message: str) -> web.Response:
    return succeed({"job_id": job.job_id, "status": "queued", "message": message})


def _path_id(request: web.Request, name: str, what: str) -> str:
    value = request.match_info[name]
    if not schemas.is_id(value):
        raise not_found(what)
    return value


def _image(form: Form) -> schemas.UploadRequest:
    return schemas.read_image_form(form, with_question=False)


def _image_with_question(form: Form) -> schemas.UploadRequest:
    return schemas.read_image_form(form, with_question=True)


_IMAGE = _Upload(JobTask.KIND_IMAGE_ANALYSIS, schemas.IMAGE_FILE, _image, "img", "Image analysis started")
_IMAGE_WITH_TEXT = _Upload(
    JobTask.KIND_IMAGE_QUESTION, schemas.IMAGE_FILE, _image_with_question, "img", "Analysis started"
)
_VOICE = _Upload(
    JobTask.KIND_TRANSCRIPTION, schemas.AUDIO_FILE, schemas.read_audio_form, "voice", "Voice processing started"
)
_VOICE_CONVERSATION = _Upload(
    JobTask.KIND_VOICE_CONVERSATION, schemas.AUDIO_FILE, schemas.read_audio_form, "conv", "Voice conversation started"
)
