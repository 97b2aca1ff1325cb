"""Client of quintet.embedding.v1."""

from collections.abc import Sequence

import grpc

from quintet.embedding.v1 import embedding_service_pb2 as pb
from quintet.embedding.v1 import embedding_service_pb2_grpc as rpc
from quintet_rpc.calls import call_unary
from quintet_rpc.channel import ANSWER_DEADLINE_S, READ_DEADLINE_S


class EmbeddingClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.EmbeddingServiceStub(channel)

    async def passages(self, texts: Sequence[str]) -> pb.EmbedTextsResponse:
        """Returns the vectors of at most 64 texts that will be searched."""
        request = pb.EmbedTextsRequest(texts=texts, purpose=pb.EmbedTextsRequest.PURPOSE_PASSAGE)
        return await call_unary(self._stub.EmbedTexts, request, deadline_s=ANSWER_DEADLINE_S)

    async def query(self, text: str) -> pb.EmbedTextsResponse:
        """Returns the vector of a text that searches."""
        request = pb.EmbedTextsRequest(texts=[text], purpose=pb.EmbedTextsRequest.PURPOSE_QUERY)
        return await call_unary(self._stub.EmbedTexts, request, deadline_s=READ_DEADLINE_S)

    async def engine(self) -> pb.GetEngineResponse:
        """Tells which engine is live; its kind is unspecified without a model."""
        return await call_unary(self._stub.GetEngine, pb.GetEngineRequest(), deadline_s=READ_DEADLINE_S)
