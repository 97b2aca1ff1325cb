"""The work of each kind of job: which services do it, in which order, and how far it is."""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from quintet.chat.v1.chat_service_pb2 import ChatMessage
from quintet.jobs.v1.job_result_pb2 import JobResult, SpeechAudio
from quintet.jobs.v1.job_service_pb2 import JobTask
from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AudioFormat
from quintet.stt.v1.stt_service_pb2 import Transcript
from quintet.vision.v1.vision_service_pb2 import AnalyzeImageConfig, AnalyzeImageResult
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.chat_turns import ChatTurns
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.assistant.turn import Ask
from quintet_gateway.assistant.voice import Reply, ReplySound, SpeechOptions, Voice
from quintet_gateway.clients.vision import VisionClient
from quintet_rpc.calls import result_of

Report = Callable[[int], None]
"""Takes the progress of a job, 0 to 99."""

_HEARD_PERCENT = 60
_SPEAKING_PERCENT = 70


@dataclass(frozen=True)
class JobOrder:
    """What a worker gets: whose task, its input, and where to report progress."""

    owner: Owner
    task: JobTask
    upload: Callable[[], AsyncIterable[bytes]]
    report: Report


class JobWorks:
    """Runs the work of a job. Raises DomainError if it cannot be done."""

    def __init__(self, chat: ChatTurns, vision: VisionClient, voice: Voice) -> None:
        self._chat = chat
        self._vision = vision
        self._voice = voice
        self._works: Mapping[int, Callable[[JobOrder], Awaitable[JobResult]]] = {
            JobTask.KIND_IMAGE_ANALYSIS: self._analyze_image,
            JobTask.KIND_IMAGE_QUESTION: self._answer_about_image,
            JobTask.KIND_TRANSCRIPTION: self._transcribe,
            JobTask.KIND_VOICE_CONVERSATION: self._converse,
            JobTask.KIND_SPEECH: self._speak,
        }

    async def run(self, order: JobOrder) -> JobResult:
        """Does the work of one job from its start."""
        work = self._works.get(order.task.kind)
        if work is None:
            raise DomainError(Reason.INVALID_ARGUMENT, "The kind of the job is not known.", {"field": "kind"})
        return await work(order)

    async def _analyze_image(self, order: JobOrder) -> JobResult:
        seen = await self._see(order, _part(order.report, 0, 99))
        return JobResult(image_analysis=seen.analysis, enhanced_image=seen.enhanced_image)

    async def _answer_about_image(self, order: JobOrder) -> JobResult:
        seen = await self._see(order, _part(order.report, 0, 90))
        earlier = await self._chat.history(order.owner, order.task.session_id)
        question = ChatMessage(role=ChatMessage.ROLE_USER, content=order.task.text, image_analysis=seen.analysis)
        answer = await self._reply(order, "image_question", [*earlier, question], order.task.language)
        return JobResult(image_analysis=seen.analysis, enhanced_image=seen.enhanced_image, answer=answer)

    async def _transcribe(self, order: JobOrder) -> JobResult:
        return JobResult(transcript=await self._hear(order, _part(order.report, 0, 99)))

    async def _converse(self, order: JobOrder) -> JobResult:
        transcript = await self._hear(order, _part(order.report, 0, _HEARD_PERCENT))
        if not transcript.text:
            raise DomainError(Reason.NO_SPEECH, "No speech detected")
        ask = Ask(
            order.owner,
            transcript.text,
            action="voice_chat",
            session_id=order.task.session_id,
            language=transcript.language,
            kept_by_caller=True,
            repeated=True,
        )
        reply = await self._voice.reply(ask, _speech_options(transcript.language))
        speech = await _collected(reply, order.report)
        return JobResult(transcript=transcript, answer=reply.text, speech=speech)

    async def _speak(self, order: JobOrder) -> JobResult:
        order.report(5)
        spoken = await self._voice.speech.say(order.task.text, _speech_options(order.task.language))
        speech = SpeechAudio(
            audio=spoken.audio, format=spoken.format, language=spoken.language, limitations=spoken.limitations
        )
        return JobResult(speech=speech)

    async def _hear(self, order: JobOrder, report: Report) -> Transcript:
        return await self._voice.hearing.transcribe(order.upload(), order.task.language, report)

    async def _see(self, order: JobOrder, report: Report) -> AnalyzeImageResult:
        events = self._vision.analyze(AnalyzeImageConfig(enhance=True), order.upload())
        result: AnalyzeImageResult | None = await result_of(events, report)
        if result is None:
            raise DomainError(Reason.ENGINE_FAILED, "The vision service ended without a result.", {"service": "vision"})
        return result

    async def _reply(self, order: JobOrder, action: str, messages: list[ChatMessage], language: str) -> str:
        async with aclosing(self._chat.stream(order.owner, action, messages, language)) as deltas:
            return "".join([delta async for delta in deltas])


async def _collected(reply: Reply, report: Report) -> SpeechAudio:
    """Reads a reply to its end and returns its sound."""
    audio, audio_format = bytearray(), AudioFormat(encoding=AUDIO_ENCODING_MP3)
    async with aclosing(reply.events()) as events:
        async for event in events:
            if isinstance(event, ReplySound):
                report(_SPEAKING_PERCENT)
                audio += event.audio
                audio_format = event.format
    return SpeechAudio(audio=bytes(audio), format=audio_format, language=reply.language, limitations=reply.limitations)


def _part(report: Report, start: int, end: int) -> Report:
    """Returns a report for a step that covers `start` to `end` percent of a job."""

    def scaled(percent: int) -> None:
        report(start + (end - start) * percent // 100)

    return scaled


def _speech_options(language: str) -> SpeechOptions:
    return SpeechOptions(language=language, encoding=AUDIO_ENCODING_MP3)
