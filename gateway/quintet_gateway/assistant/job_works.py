"""The work of each kind of job: which services do it, in which order, and how far it is."""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from quintet.chat.v1.chat_service_pb2 import ChatMessage
from quintet.jobs.v1.job_result_pb2 import JobResult, SpeechAudio
from quintet.jobs.v1.job_service_pb2 import JobTask
from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3
from quintet.stt.v1.stt_service_pb2 import TranscribeConfig, Transcript
from quintet.tts.v1.tts_service_pb2 import SynthesizeRequest
from quintet.vision.v1.vision_service_pb2 import AnalyzeImageConfig, AnalyzeImageResult
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.chat_turns import ChatTurns
from quintet_gateway.assistant.owner import Owner
from quintet_gateway.clients.stt import SttClient
from quintet_gateway.clients.tts import TtsClient
from quintet_gateway.clients.vision import VisionClient

Report = Callable[[int], None]
"""Takes the progress of a job, 0 to 99."""

_FALLBACK_LANGUAGE = "en"


@dataclass(frozen=True)
class JobOrder:
    """What a worker gets: whose task, its input, and where to report progress."""

    owner: Owner
    task: JobTask
    upload: Callable[[], AsyncIterable[bytes]]
    report: Report


class JobWorks:
    """Runs the work of a job. Raises DomainError if it cannot be done."""

    def __init__(self, chat: ChatTurns, vision: VisionClient, stt: SttClient, tts: TtsClient) -> None:
        self._chat = chat
        self._vision = vision
        self._stt = stt
        self._tts = tts
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
        transcript = await self._hear(order, _part(order.report, 0, 60))
        if not transcript.text:
            raise DomainError(Reason.NO_SPEECH, "No speech detected")
        earlier = await self._chat.history(order.owner, order.task.session_id)
        question = ChatMessage(role=ChatMessage.ROLE_USER, content=transcript.text)
        answer = await self._reply(order, "voice_chat", [*earlier, question], transcript.language)
        order.report(70)
        speech = await self._say(answer, transcript.language)
        return JobResult(transcript=transcript, answer=answer, speech=speech)

    async def _speak(self, order: JobOrder) -> JobResult:
        order.report(5)
        return JobResult(speech=await self._say(order.task.text, order.task.language))

    async def _see(self, order: JobOrder, report: Report) -> AnalyzeImageResult:
        async with aclosing(self._vision.analyze(AnalyzeImageConfig(enhance=True), order.upload())) as events:
            async for event in events:
                if event.WhichOneof("event") == "result":
                    return event.result
                report(event.progress_percent)
        raise _incomplete("vision")

    async def _hear(self, order: JobOrder, report: Report) -> Transcript:
        config = TranscribeConfig(language=order.task.language)
        async with aclosing(self._stt.transcribe(config, order.upload())) as events:
            async for event in events:
                if event.WhichOneof("event") == "result":
                    return event.result
                report(event.progress_percent)
        raise _incomplete("stt")

    async def _reply(self, order: JobOrder, action: str, messages: list[ChatMessage], language: str) -> str:
        async with aclosing(self._chat.stream(order.owner, action, messages, language)) as deltas:
            return "".join([delta async for delta in deltas])

    async def _say(self, text: str, language: str) -> SpeechAudio:
        try:
            return await self._synthesize(text, language)
        except DomainError as error:
            if error.reason is not Reason.UNSUPPORTED_LANGUAGE or language == _FALLBACK_LANGUAGE:
                raise
        # A voice in another language beats silence; the result says which language was spoken.
        return await self._synthesize(text, _FALLBACK_LANGUAGE)

    async def _synthesize(self, text: str, language: str) -> SpeechAudio:
        request = SynthesizeRequest(text=text, language=language, encoding=AUDIO_ENCODING_MP3)
        speech = SpeechAudio()
        audio = bytearray()
        async for event in self._tts.synthesize(request):
            audio += event.audio
            if event.WhichOneof("event") == "started":
                speech.format.CopyFrom(event.started.format)
                speech.language = event.started.language
                speech.limitations.extend(limit.explanation for limit in event.started.limitations)
        speech.audio = bytes(audio)
        return speech


def _part(report: Report, start: int, end: int) -> Report:
    """Returns a report for a step that covers `start` to `end` percent of a job."""

    def scaled(percent: int) -> None:
        report(start + (end - start) * percent // 100)

    return scaled


def _incomplete(service: str) -> DomainError:
    return DomainError(Reason.ENGINE_FAILED, f"The {service} service ended without a result.", {"service": service})
