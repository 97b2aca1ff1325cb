"""`quintet.tts.v1.TtsService` over an engine."""

import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from quintet.tts.v1 import tts_service_pb2 as pb
from quintet.tts.v1 import tts_service_pb2_grpc as rpc
from quintet_audio.encode import AudioEncoding
from quintet_engines import EngineSlots
from quintet_observability import metrics
from quintet_rpc.context import Context
from quintet_rpc.engine_info import to_engine
from quintet_tts.encoding import encoded
from quintet_tts.engine import Finished, SpeechEvent, SpeechRequest, TtsEngine
from quintet_tts.length_limit import limited
from quintet_tts.messages import page_of, to_encoding, to_response, to_speech_request
from quintet_tts.stalled_reader import StalledReader

# MP3 costs a hundred times as much as espeak's voice; more threads than this only take turns.
_ENCODER_THREADS = 2


class TtsServicer(rpc.TtsServiceServicer):
    """Checks requests, admits them to the engine, and sends its sound encoded."""

    def __init__(self, engine: TtsEngine, slots: EngineSlots, *, max_audio_s: float, stalled_reader_s: float) -> None:
        self._engine = engine
        self._slots = slots
        self._max_audio_s = max_audio_s
        self._stalled_reader_s = stalled_reader_s
        self._encoders = ThreadPoolExecutor(_ENCODER_THREADS, thread_name_prefix="encode")

    async def Synthesize(
        self, request: pb.SynthesizeRequest, context: Context
    ) -> AsyncGenerator[pb.SynthesizeResponse, None]:
        """Speaks a text.

        Raises:
            DomainError: of the request, ENGINE_BUSY, MEDIA_TOO_LONG, or of the engine.
        """
        speech, encoding = to_speech_request(request), to_encoding(request)
        observed = _Observed(self._engine.info().name)
        async with self._slots.admit(), aclosing(self._sound(speech, encoding)) as events:
            reader = StalledReader(self._stalled_reader_s)
            async for event in events:
                observed.made(event)
                with reader.reads():
                    yield to_response(event, encoding)
                observed.sent()

    async def ListVoices(self, request: pb.ListVoicesRequest, context: Context) -> pb.ListVoicesResponse:
        """Lists the voices, page by page."""
        return page_of(list(self._engine.voices(request.language)), request)

    async def GetEngine(self, request: pb.GetEngineRequest, context: Context) -> pb.GetEngineResponse:
        """Tells which engine is live."""
        return pb.GetEngineResponse(engine=to_engine(self._engine.info()))

    def close(self) -> None:
        """Ends the encoders' threads."""
        self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _sound(self, speech: SpeechRequest, encoding: AudioEncoding) -> AsyncGenerator[SpeechEvent, None]:
        async with (
            aclosing(self._engine.speak(speech)) as spoken,
            aclosing(limited(spoken, self._max_audio_s)) as samples,
            aclosing(encoded(samples, encoding, self._encoders)) as events,
        ):
            async for event in events:
                yield event


class _Observed:
    """Measures one synthesis: the time to its first sound, and its work without the time that the caller took."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._began = self._resumed = time.perf_counter()
        self._work_s = 0.0
        self._heard = False

    def made(self, event: SpeechEvent) -> None:
        now = time.perf_counter()
        self._work_s += now - self._resumed
        if isinstance(event, bytes) and not self._heard:
            self._heard = True
            metrics.FIRST_AUDIO_SECONDS.labels(self._engine).observe(now - self._began)
        if isinstance(event, Finished) and event.duration_s:
            metrics.REAL_TIME_FACTOR.labels("tts", self._engine).observe(self._work_s / event.duration_s)

    def sent(self) -> None:
        self._resumed = time.perf_counter()
