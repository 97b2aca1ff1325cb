"""Client of quintet.stt.v1."""

from collections.abc import AsyncGenerator, AsyncIterable

import grpc

from quintet.media.v1.engine_pb2 import Engine
from quintet.stt.v1 import stt_service_pb2 as pb
from quintet.stt.v1 import stt_service_pb2_grpc as rpc
from quintet_rpc.calls import call_stream, call_unary
from quintet_rpc.channel import CONVERSATION_DEADLINE_S, WORK_DEADLINE_S
from quintet_rpc.uploads import upload_messages


class SttClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.SttServiceStub(channel)

    def transcribe(
        self, config: pb.TranscribeConfig, chunks: AsyncIterable[bytes]
    ) -> AsyncGenerator[pb.TranscribeResponse, None]:
        """Yields the progress and then the transcript of one recording."""
        messages = upload_messages(
            pb.TranscribeRequest(config=config), chunks, lambda piece: pb.TranscribeRequest(audio=piece)
        )
        return call_stream(self._stub.Transcribe, messages, deadline_s=WORK_DEADLINE_S)

    def follow(
        self, messages: AsyncIterable[pb.StreamingTranscribeRequest]
    ) -> AsyncGenerator[pb.StreamingTranscribeResponse, None]:
        """Yields what is heard in a conversation as it is spoken; the first message is its config."""
        return call_stream(self._stub.StreamingTranscribe, messages, deadline_s=CONVERSATION_DEADLINE_S)

    async def engine(self, *, deadline_s: float) -> Engine:
        """Tells which engine is live."""
        return (await call_unary(self._stub.GetEngine, pb.GetEngineRequest(), deadline_s=deadline_s)).engine
