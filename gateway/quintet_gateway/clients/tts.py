"""Client of quintet.tts.v1."""

from collections.abc import AsyncGenerator, AsyncIterable

import grpc

from quintet.media.v1.engine_pb2 import Engine
from quintet.tts.v1 import tts_service_pb2 as pb
from quintet.tts.v1 import tts_service_pb2_grpc as rpc
from quintet_rpc.calls import call_stream, call_unary
from quintet_rpc.channel import READ_DEADLINE_S, WORK_DEADLINE_S


class TtsClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.TtsServiceStub(channel)

    def synthesize(self, request: pb.SynthesizeRequest) -> AsyncGenerator[pb.SynthesizeResponse, None]:
        """Yields the format and then the sound; closing the generator stops the voice."""
        return call_stream(self._stub.Synthesize, request, deadline_s=WORK_DEADLINE_S)

    def synthesize_texts(
        self, messages: AsyncIterable[pb.StreamingSynthesizeRequest]
    ) -> AsyncGenerator[pb.StreamingSynthesizeResponse, None]:
        """Yields the sound of texts that are still written; the first message is the config."""
        return call_stream(self._stub.StreamingSynthesize, messages, deadline_s=WORK_DEADLINE_S)

    async def engine(self, *, deadline_s: float) -> Engine:
        """Tells which engine is live."""
        return (await call_unary(self._stub.GetEngine, pb.GetEngineRequest(), deadline_s=deadline_s)).engine

    async def voices(self, page_token: str = "") -> pb.ListVoicesResponse:
        """Returns one page of the voices."""
        request = pb.ListVoicesRequest(page_size=1000, page_token=page_token)
        return await call_unary(self._stub.ListVoices, request, deadline_s=READ_DEADLINE_S)
