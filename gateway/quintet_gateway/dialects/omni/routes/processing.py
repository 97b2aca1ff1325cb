"""Whole recordings: heard, answered, spoken, in one request."""

import time
from contextlib import aclosing

from aiohttp import web

from quintet.session.v1.session_service_pb2 import Session
from quintet.stt.v1.stt_service_pb2 import Transcript
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Assistant, Owner
from quintet_gateway.assistant.voice import Reply, ReplySound, SpeechOptions
from quintet_gateway.dialects.omni import schemas, translate
from quintet_gateway.dialects.omni.access import SURFACE, owner_of
from quintet_gateway.dialects.omni.errors import invalid
from quintet_gateway.dialects.omni.events import response_completed, tell_of_failure
from quintet_gateway.dialects.omni.options import SAMPLE_RATE_OUTPUT_HZ, OmniOptions
from quintet_gateway.dialects.omni.routes.endpoint import Endpoint
from quintet_gateway.dialects.omni.session_keeping import create_session, question
from quintet_gateway.dialects.omni.terms import Terms
from quintet_gateway.http.forms import open_form
from quintet_gateway.http.large_json import LARGE_BYTES, JsonThreads
from quintet_observability import metrics

LONGEST_AUDIO_S = 30

_SILENCES = {
    Transcript.SILENCE_TOO_SHORT: "No speech detected: the recording is too short.",
    Transcript.SILENCE_TOO_QUIET: "No speech detected: the recording is too quiet.",
}
_NO_SPEECH = "No speech detected in the recording."


class Processing:
    """The endpoint of recordings."""

    def __init__(self, options: OmniOptions, threads: JsonThreads) -> None:
        self._options = options
        self._threads = threads

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoint."""
        return [("POST", "/process", self._process)]

    async def _process(self, request: web.Request) -> web.Response:
        owner, assistant = owner_of(request), request.app[ASSISTANT]
        async with open_form(request, schemas.AUDIO_FILE) as form:
            began = time.perf_counter()
            order = schemas.read_process(form)
            session = await assistant.sessions.get(owner, order.session_id) if order.session_id else None
            exchange = _Exchange(assistant, owner, session, self._options, began)
            said = await exchange.hear(order)
        answer, pcm, took_s = await exchange.answer(said, aloud=order.return_audio)
        return await self._threads.respond(
            lambda: translate.processed(exchange.session_id, answer, pcm, took_s), large=len(pcm) > LARGE_BYTES
        )


class _Exchange:
    """One recording and its answer. What fails on our side is told to webhooks as well."""

    def __init__(
        self, assistant: Assistant, owner: Owner, session: Session | None, options: OmniOptions, began: float
    ) -> None:
        self._assistant = assistant
        self._owner = owner
        self._session = session
        self._options = options
        self._began = began

    @property
    def session_id(self) -> str:
        return self._session.session_id if self._session else ""

    async def hear(self, order: schemas.ProcessOrder) -> Transcript:
        """Returns what was said; a session that has to be made is made only for a recording with speech."""
        try:
            transcript = await self._assistant.voice.hearing.transcribe(order.audio.chunks(), cut_s=LONGEST_AUDIO_S)
            _check_speech(transcript)
            self._observe("transcript", self._took_s())
            if self._session is None:
                most = self._options.max_sessions
                self._session = await create_session(self._assistant, self._owner, Terms(), most)
        except Exception as error:
            await self._tell(error)
            raise
        return transcript

    async def answer(self, said: Transcript, *, aloud: bool) -> tuple[str, bytes, float]:
        """Returns the answer, its sound, and how long everything took; by then it is kept."""
        try:
            return await self._answer(said, aloud=aloud)
        except Exception as error:
            await self._tell(error)
            raise

    async def _answer(self, said: Transcript, *, aloud: bool) -> tuple[str, bytes, float]:
        assert self._session is not None  # noqa: S101 - `hear` has made it
        ask = question(self._owner, self._session, self._options.generation, said.text, said.language)
        options = SpeechOptions(language=said.language, sample_rate_hz=SAMPLE_RATE_OUTPUT_HZ)
        heard_s = self._took_s()
        reply = await self._assistant.voice.reply(ask, options if aloud else None)
        pcm = await _read(reply)
        took_s = self._took_s()
        await reply.turn.keep(reply.text, response_completed(reply.text, took_s))
        for stage, seconds in (("first_token", reply.first_text_s), ("first_sound", reply.first_sound_s)):
            if seconds is not None:
                self._observe(stage, heard_s + seconds)
        return reply.text, pcm, took_s

    def _took_s(self) -> float:
        return time.perf_counter() - self._began

    @staticmethod
    def _observe(stage: str, seconds: float) -> None:
        metrics.VOICE_STAGE_SECONDS.labels(SURFACE, stage).observe(seconds)

    async def _tell(self, error: Exception) -> None:
        await tell_of_failure(self._assistant, self._owner, self.session_id, error)


def _check_speech(transcript: Transcript) -> None:
    if not transcript.text:
        raise invalid(_SILENCES.get(transcript.silence, _NO_SPEECH))


async def _read(reply: Reply) -> bytes:
    pcm = bytearray()
    async with aclosing(reply.events()) as events:
        async for event in events:
            if isinstance(event, ReplySound):
                pcm += event.audio
    return bytes(pcm)
