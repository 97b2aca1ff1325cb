"""Client of quintet.chat.v1."""

from collections.abc import AsyncGenerator

import grpc

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.chat.v1 import chat_service_pb2_grpc as rpc
from quintet.media.v1.engine_pb2 import Engine
from quintet_rpc.calls import call_stream, call_unary
from quintet_rpc.channel import ANSWER_DEADLINE_S, READ_DEADLINE_S


class ChatClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.ChatServiceStub(channel)

    def stream(self, request: pb.StreamChatRequest) -> AsyncGenerator[pb.StreamChatResponse, None]:
        """Yields the events of one answer; closing the generator stops the engine."""
        return call_stream(self._stub.StreamChat, request, deadline_s=ANSWER_DEADLINE_S)

    async def engine(self, *, deadline_s: float) -> Engine:
        """Tells which engine is live."""
        return (await call_unary(self._stub.GetEngine, pb.GetEngineRequest(), deadline_s=deadline_s)).engine

    async def models(self, page_token: str = "") -> pb.ListModelsResponse:
        """Returns one page of the models that can answer; the first one of all is the default."""
        request = pb.ListModelsRequest(page_size=1000, page_token=page_token)
        return await call_unary(self._stub.ListModels, request, deadline_s=READ_DEADLINE_S)
