"""A look: a picture, perhaps with a spoken question about it, is answered aloud."""

import asyncio
import time
from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from quintet.chat.v1.chat_service_pb2 import StreamChatRequest
from quintet.stt.v1.stt_service_pb2 import Transcript
from quintet.vision.v1.vision_service_pb2 import AnalyzeImageConfig, AnalyzeImageResult, ImageAnalysis
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.assistant.turn import Ask
from quintet_gateway.assistant.voice import Reply, SpeechOptions, Voice
from quintet_gateway.clients.vision import VisionClient
from quintet_rpc.calls import result_of

# Below this a recogniser has guessed, and what was spoken before tells more.
_SURE_OF_LANGUAGE = 0.5
_FALLBACK_LANGUAGE = "en"


@dataclass(frozen=True)
class LookOrder:
    """What to look at, and how to answer.

    `image` and `audio` are files in pieces. `language` is the one that was spoken before, empty if nobody has spoken;
    questions and answers are in one of `languages`. `unspoken` stands for a question that nobody spoke. `speech` says
    how the answer sounds, in its own language. `attributes` are kept with the question, beside its language.
    """

    owner: Owner
    session_id: str
    image: AsyncIterable[bytes]
    speech: SpeechOptions
    languages: Sequence[str]
    unspoken: str
    audio: AsyncIterable[bytes] | None = None
    language: str = ""
    context_messages: int = 6
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """A look that is being answered: `question` is None if nobody spoke; the times count in seconds from its start."""

    reply: Reply
    language: str
    question: str | None
    heard_s: float
    began_s: float


class Looks:
    """Sees and listens at the same time, and answers in the language that was spoken last."""

    def __init__(self, vision: VisionClient, voice: Voice) -> None:
        self._vision = vision
        self._voice = voice

    async def begin(self, order: LookOrder) -> Look:
        """Begins the answer; nothing of it is kept before the caller keeps the reply's turn.

        Raises:
            DomainError: if a service fails, or refuses the picture or the recording.
        """
        began = time.perf_counter()
        analysis, transcript = await self._perceive(order)
        heard_s = time.perf_counter() - began
        question = transcript.text if transcript is not None and transcript.text else None
        language = _language(transcript if question else None, order)
        ask = Ask(
            order.owner,
            question or order.unspoken,
            action="look",
            session_id=order.session_id,
            language=language,
            style=StreamChatRequest.STYLE_GUIDE,
            image_analysis=analysis,
            context_messages=order.context_messages,
            question_attributes={**order.attributes, "language": language},
            kept_by_caller=True,
        )
        reply = await self._voice.reply(ask, replace(order.speech, language=language))
        return Look(reply, language, question, heard_s, time.perf_counter() - began)

    async def _perceive(self, order: LookOrder) -> tuple[ImageAnalysis, Transcript | None]:
        try:
            async with asyncio.TaskGroup() as group:
                seeing = group.create_task(self._see(order.image))
                hearing = group.create_task(self._hear(order))
        except BaseExceptionGroup as failed:
            # The first to fail ended the other one, and says why.
            raise failed.exceptions[0] from None
        return seeing.result().analysis, hearing.result()

    async def _see(self, image: AsyncIterable[bytes]) -> AnalyzeImageResult:
        result: AnalyzeImageResult | None = await result_of(self._vision.analyze(AnalyzeImageConfig(), image))
        if result is None:
            raise DomainError(Reason.ENGINE_FAILED, "The vision service ended without a result.", {"service": "vision"})
        return result

    async def _hear(self, order: LookOrder) -> Transcript | None:
        if order.audio is None:
            return None
        likely = order.language or _FALLBACK_LANGUAGE
        return await self._voice.hearing.transcribe(order.audio, likely_language=likely, languages=order.languages)


def _language(transcript: Transcript | None, order: LookOrder) -> str:
    known = order.language or _FALLBACK_LANGUAGE
    if transcript is None or transcript.language_probability < _SURE_OF_LANGUAGE:
        return known
    spoken = transcript.language.partition("-")[0]
    return spoken if spoken in order.languages else _FALLBACK_LANGUAGE
