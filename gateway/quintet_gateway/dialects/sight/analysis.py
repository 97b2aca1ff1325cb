"""`POST /api/v1/analyze`: reads the form, looks, and answers aloud."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Look, LookOrder
from quintet_gateway.dialects.sight import schemas, translate
from quintet_gateway.dialects.sight.refusals import Refusals
from quintet_gateway.dialects.sight.schemas import AnalyzeRequest
from quintet_gateway.dialects.sight.sessions import SURFACE, SightSessions, owner_of
from quintet_gateway.dialects.sight.speech import MP3, WAV, SoundFile, SpokenAnswer
from quintet_gateway.dialects.sight.wording import LANGUAGES
from quintet_gateway.http.entry import has_begun
from quintet_gateway.http.forms import RefusedFormError, open_form
from quintet_observability import metrics

SNAPSHOT = "[Snapshot Mode]"

Spend = Callable[[web.Request, str], Awaitable[None]]


@dataclass
class _Caller:
    """What is known of a caller by now; `wav` is None until it was read what kind of sound is wanted."""

    session_id: str = ""
    wav: bool | None = None
    counted: bool = False

    def told(self, request: web.Request, fields: Mapping[str, str]) -> None:
        self.session_id = fields.get("session_id", "")
        self.wav = schemas.wants_wav(request, fields)

    @property
    def file(self) -> SoundFile:
        return WAV if self.wav else MP3


class Analysis:
    """The endpoint. `spend` counts a request of a session."""

    def __init__(self, sessions: SightSessions, refusals: Refusals, spend: Spend, write_s: float) -> None:
        self._sessions = sessions
        self._refusals = refusals
        self._spend = spend
        self._write_s = write_s

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one request; what fails is said aloud, unless the answer has begun."""
        caller = _Caller()
        try:
            return await self._answer(request, caller)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            if has_begun(request):
                raise
            refusal = await self._counted(request, caller, error)
            return await self._refusals.answer(request, caller.session_id, refusal, wav=caller.wav)

    async def _answer(self, request: web.Request, caller: _Caller) -> web.StreamResponse:
        # The next request of the session waits until this one is answered; the memory of the files is free before.
        async with AsyncExitStack() as turn:
            look = await self._begin(request, caller, turn)
            self._sessions.spoke(caller.session_id, look.language)
            answer = SpokenAnswer(request, look.reply, look.language, self._write_s)
            response = await answer.send(caller.file)
        _measure(look)
        return response

    async def _begin(self, request: web.Request, caller: _Caller, turn: AsyncExitStack) -> Look:
        try:
            async with open_form(
                request, schemas.IMAGE_FILE, schemas.AUDIO_FILE, max_bytes=schemas.MAX_FORM_BYTES
            ) as form:
                caller.told(request, form.fields)
                caller.counted = True
                await self._spend(request, caller.session_id)
                asked = schemas.read_analyze(form)
                size = request.content_length or schemas.MAX_FORM_BYTES
                await turn.enter_async_context(self._sessions.turn(asked.session_id, size))
                return await self._look(request, asked, caller.file)
        except RefusedFormError as refusal:
            caller.told(request, refusal.fields)
            raise

    async def _look(self, request: web.Request, asked: AnalyzeRequest, file: SoundFile) -> Look:
        assistant = request.app[ASSISTANT]
        session = await self._sessions.opened(assistant, asked.session_id)
        order = LookOrder(
            owner_of(asked.session_id),
            session.session_id,
            asked.image.chunks(),
            file.options,
            LANGUAGES,
            SNAPSHOT,
            audio=asked.audio.chunks() if asked.audio is not None else None,
            language=session.attributes.get(translate.LANGUAGE, ""),
        )
        return await assistant.looks.begin(order)

    async def _counted(self, request: web.Request, caller: _Caller, error: Exception) -> Exception:
        """Counts a request that was refused before it was, and returns what it is refused with."""
        if caller.counted:
            return error
        try:
            await self._spend(request, caller.session_id)
        except Exception as refusal:  # noqa: BLE001 - one too many is refused for that, whatever else is wrong
            return refusal
        return error


def _measure(look: Look) -> None:
    stages = {"first_token": look.reply.first_text_s, "first_sound": look.reply.first_sound_s}
    if look.question is not None:
        metrics.VOICE_STAGE_SECONDS.labels(SURFACE, "transcript").observe(look.heard_s)
    for stage, seconds in stages.items():
        if seconds is not None:
            metrics.VOICE_STAGE_SECONDS.labels(SURFACE, stage).observe(look.began_s + seconds)
