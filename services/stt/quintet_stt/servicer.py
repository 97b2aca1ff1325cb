"""`quintet.stt.v1.SttService` over an engine."""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing
from functools import partial

from quintet.stt.v1 import stt_service_pb2 as pb
from quintet.stt.v1 import stt_service_pb2_grpc as rpc
from quintet_audio.decode import Recording, decode_speech
from quintet_errors import DomainError, Reason
from quintet_observability import metrics
from quintet_rpc.context import Context
from quintet_rpc.engine_info import to_engine
from quintet_rpc.uploads import UploadMemory, UploadShare, read_upload
from quintet_stt.admission import Lanes
from quintet_stt.engine import Progress, SttEngine, TranscribeOptions, Transcript
from quintet_stt.executors import run_to_end
from quintet_stt.messages import duration_of, hints_of, segment_of
from quintet_stt.streaming.desk import ConversationDesk

MAX_AUDIO_BYTES = 32 << 20
# Decoding takes seconds for half an hour of audio; the second thread keeps a short file from waiting for that.
_DECODERS = 2


class _File:
    """An uploaded file, which is decoded once and gone after that: a transcription takes much longer."""

    def __init__(self, data: bytes, share: UploadShare, cut_s: float | None) -> None:
        self._data = data
        self._share = share
        self._cut_s = cut_s

    async def decode(self, decoders: Executor, max_seconds: float) -> Recording:
        data, self._data = self._data, b""
        decode = partial(decode_speech, data, max_seconds=max_seconds, cut_seconds=self._cut_s)
        recording = await run_to_end(decoders, decode)
        self._share.release()
        return recording


class SttServicer(rpc.SttServiceServicer):
    """Reads uploads, decodes them under admission, and sends what the engine yields; follows conversations."""

    def __init__(
        self, engine: SttEngine, lanes: Lanes, memory: UploadMemory, max_audio_seconds: float, desk: ConversationDesk
    ) -> None:
        self._engine = engine
        self._desk = desk
        self._lanes = lanes
        self._memory = memory
        self._max_audio_seconds = max_audio_seconds
        self._decoders = ThreadPoolExecutor(max_workers=_DECODERS, thread_name_prefix="decode")
        metrics.watch_engine("stt", lanes)

    async def Transcribe(
        self, request_iterator: AsyncIterator[pb.TranscribeRequest], context: Context
    ) -> AsyncIterator[pb.TranscribeResponse]:
        """Transcribes one recording."""
        with self._memory.share() as share:
            options, file = await _read(request_iterator, share)
            decode = partial(file.decode, self._decoders, self._max_audio_seconds)
            async with (
                self._lanes.admit(decode) as recording,
                aclosing(self._responses(recording, options)) as responses,
            ):
                async for response in responses:
                    yield response

    async def StreamingTranscribe(
        self, request_iterator: AsyncIterator[pb.StreamingTranscribeRequest], context: Context
    ) -> AsyncIterator[pb.StreamingTranscribeResponse]:
        """Follows a conversation as it is spoken."""
        async with aclosing(self._desk.follow(request_iterator)) as responses:
            async for response in responses:
                yield response

    async def GetEngine(self, request: pb.GetEngineRequest, context: Context) -> pb.GetEngineResponse:
        """Describes the live engine."""
        return pb.GetEngineResponse(engine=to_engine(self._engine.info()))

    def close(self) -> None:
        """Ends the threads."""
        self._desk.close()
        self._decoders.shutdown(wait=False, cancel_futures=True)

    async def _responses(
        self, recording: Recording, options: TranscribeOptions
    ) -> AsyncGenerator[pb.TranscribeResponse, None]:
        started = time.monotonic()
        sent_percent = 0
        async with aclosing(self._engine.transcribe(recording, options)) as events:
            async for event in events:
                if isinstance(event, Transcript):
                    yield self._result(event, recording, time.monotonic() - started)
                elif (percent := _percent(event)) > sent_percent:
                    sent_percent = percent
                    yield pb.TranscribeResponse(progress_percent=percent)

    def _result(self, transcript: Transcript, recording: Recording, work_s: float) -> pb.TranscribeResponse:
        if transcript.text:
            metrics.REAL_TIME_FACTOR.labels("stt", self._engine.info().name).observe(work_s / recording.duration_s)
        result = pb.Transcript(
            text=transcript.text,
            language=transcript.language,
            language_probability=transcript.language_probability,
            confidence=transcript.confidence,
            segments=[segment_of(segment) for segment in transcript.segments],
            audio_duration=duration_of(recording.duration_s),
            processing_duration=duration_of(work_s),
            silence=pb.Transcript.Silence.Value(f"SILENCE_{transcript.silence}"),
        )
        return pb.TranscribeResponse(result=result)


async def _read(requests: AsyncIterator[pb.TranscribeRequest], share: UploadShare) -> tuple[TranscribeOptions, _File]:
    config, data = await read_upload(requests, data_field="audio", max_bytes=MAX_AUDIO_BYTES, share=share)
    if not data:
        raise DomainError(Reason.MISSING_FIELD, "The recording is empty.", {"field": "audio"})
    options = TranscribeOptions(config.language, config.word_times, hints_of(config))
    return options, _File(data, share, _cut_s(config))


def _cut_s(config: pb.TranscribeConfig) -> float | None:
    if not config.HasField("cut_after"):
        return None
    cut_s = config.cut_after.seconds + config.cut_after.nanos / 1e9
    if cut_s <= 0:
        raise DomainError(Reason.INVALID_ARGUMENT, "`cut_after` must be more than nothing.", {"field": "cut_after"})
    return cut_s


def _percent(progress: Progress) -> int:
    return min(99, max(0, int(progress.share * 100)))
