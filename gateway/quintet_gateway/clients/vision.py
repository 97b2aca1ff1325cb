"""Client of quintet.vision.v1."""

from collections.abc import AsyncGenerator, AsyncIterable

import grpc

from quintet.media.v1.engine_pb2 import Engine
from quintet.vision.v1 import vision_service_pb2 as pb
from quintet.vision.v1 import vision_service_pb2_grpc as rpc
from quintet_rpc.calls import call_stream, call_unary
from quintet_rpc.channel import WORK_DEADLINE_S
from quintet_rpc.uploads import upload_messages


class VisionClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.VisionServiceStub(channel)

    def analyze(
        self, config: pb.AnalyzeImageConfig, chunks: AsyncIterable[bytes]
    ) -> AsyncGenerator[pb.AnalyzeImageResponse, None]:
        """Yields the progress and then the result of one analysis."""
        messages = upload_messages(
            pb.AnalyzeImageRequest(config=config), chunks, lambda piece: pb.AnalyzeImageRequest(image=piece)
        )
        return call_stream(self._stub.AnalyzeImage, messages, deadline_s=WORK_DEADLINE_S)

    async def engine(self, *, deadline_s: float) -> Engine:
        """Tells which engine is live."""
        return (await call_unary(self._stub.GetEngine, pb.GetEngineRequest(), deadline_s=deadline_s)).engine
