"""`quintet.tts.v1.TtsService` over an engine."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager

from quintet.tts.v1 import tts_service_pb2 as pb
from quintet.tts.v1 import tts_service_pb2_grpc as rpc
from quintet_engines import EngineSlots
from quintet_rpc.context import Context
from quintet_rpc.engine_info import to_engine
from quintet_tts.encoding import Sound, encoded, load_codecs
from quintet_tts.engine import TtsEngine
from quintet_tts.length_limit import limited
from quintet_tts.measures import SynthesisMeasures
from quintet_tts.messages import check_text, page_of, to_response, to_sound, to_speech_request, to_streaming_response
from quintet_tts.narration import Narration, NarrationEvent
from quintet_tts.stalled_reader import StalledReader
from quintet_tts.text_stream import TextStream

# MP3 costs a hundred times as much as espeak's voice; more threads than this only take turns.
_ENCODER_THREADS = 2


class TtsServicer(rpc.TtsServiceServicer):
    """Checks requests, admits them to the engine, and sends its sound encoded."""

    def __init__(
        self,
        engine: TtsEngine,
        slots: EngineSlots,
        *,
        max_audio_s: float,
        stalled_reader_s: float,
        idle_caller_s: float,
    ) -> None:
        self._engine = engine
        self._slots = slots
        self._max_audio_s = max_audio_s
        self._stalled_reader_s = stalled_reader_s
        self._idle_caller_s = idle_caller_s
        self._encoders = ThreadPoolExecutor(_ENCODER_THREADS, thread_name_prefix="encode")

    async def Synthesize(
        self, request: pb.SynthesizeRequest, context: Context
    ) -> AsyncGenerator[pb.SynthesizeResponse, None]:
        """Speaks a text.

        Raises:
            DomainError: of the request, ENGINE_BUSY, MEDIA_TOO_LONG, or of the engine.
        """
        check_text(request.text)
        speech = to_speech_request(request, request.text)
        sound = to_sound(request).of_voice(self._engine.announce(speech).sample_rate_hz)
        measures = self._measures()
        measures.text_came()
        async with (
            self._admitted(measures, begun=False),
            aclosing(self._engine.speak(speech)) as spoken,
            aclosing(self._sent(spoken, sound, measures)) as events,
        ):
            async for event in events:
                yield to_response(event, sound)

    async def StreamingSynthesize(
        self, request_iterator: AsyncIterator[pb.StreamingSynthesizeRequest], context: Context
    ) -> AsyncGenerator[pb.StreamingSynthesizeResponse, None]:
        """Speaks texts one behind the other; the next is read when the sound of the one before was taken.

        Raises:
            DomainError: of the messages, ENGINE_BUSY at the first text, DEADLINE_EXCEEDED, MEDIA_TOO_LONG, or of the
                engine.
        """
        stream = TextStream(request_iterator, self._idle_caller_s)
        config = await stream.config()
        speech = to_speech_request(config)
        sound = to_sound(config).of_voice(self._engine.announce(speech).sample_rate_hz)
        measures = self._measures()
        narration = Narration(self._engine, speech, lambda begun: self._admitted(measures, begun=begun))
        async with (
            aclosing(_timed(stream, measures)) as texts,
            aclosing(narration.events(texts)) as spoken,
            aclosing(self._sent(spoken, sound, measures)) as events,
        ):
            async for event in events:
                yield to_streaming_response(event, sound)

    async def ListVoices(self, request: pb.ListVoicesRequest, context: Context) -> pb.ListVoicesResponse:
        """Lists the voices, page by page."""
        return page_of(list(self._engine.voices(request.language)), request)

    async def GetEngine(self, request: pb.GetEngineRequest, context: Context) -> pb.GetEngineResponse:
        """Tells which engine is live."""
        return pb.GetEngineResponse(engine=to_engine(self._engine.info()))

    async def warm_up(self) -> None:
        """Returns when the engine and the codecs answer at full speed."""
        await self._engine.warm_up()
        await asyncio.get_running_loop().run_in_executor(self._encoders, load_codecs)

    def close(self) -> None:
        """Ends the encoders' threads."""
        self._encoders.shutdown(wait=False, cancel_futures=True)

    async def _sent(
        self, spoken: AsyncIterator[NarrationEvent], sound: Sound, measures: SynthesisMeasures
    ) -> AsyncGenerator[NarrationEvent, None]:
        reader = StalledReader(self._stalled_reader_s)
        async with (
            aclosing(limited(spoken, self._max_audio_s)) as samples,
            aclosing(encoded(samples, sound, self._encoders)) as events,
        ):
            async for event in events:
                measures.made(event)
                with reader.reads():
                    yield event
                measures.sent()

    @asynccontextmanager
    async def _admitted(self, measures: SynthesisMeasures, *, begun: bool) -> AsyncIterator[None]:
        asked = time.perf_counter()
        async with self._slots.admit(begun=begun):
            measures.slot_came(time.perf_counter() - asked)
            yield

    def _measures(self) -> SynthesisMeasures:
        return SynthesisMeasures(self._engine.info().name)


async def _timed(stream: TextStream, measures: SynthesisMeasures) -> AsyncGenerator[str, None]:
    """Yields the texts and tells how long each was waited for."""
    async with aclosing(stream.texts()) as texts:
        asked = time.perf_counter()
        async for text in texts:
            measures.text_came(time.perf_counter() - asked)
            yield text
            asked = time.perf_counter()
