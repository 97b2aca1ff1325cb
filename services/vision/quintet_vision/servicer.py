"""`quintet.vision.v1.VisionService` over an engine."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from quintet.vision.v1 import vision_service_pb2 as pb
from quintet.vision.v1 import vision_service_pb2_grpc as rpc
from quintet_engines import EngineSlots
from quintet_rpc.context import Context
from quintet_rpc.engine_info import to_engine
from quintet_rpc.uploads import UploadMemory, read_upload
from quintet_vision.engine import AnalysisOptions, Progress, VisionEngine
from quintet_vision.messages import to_result

MAX_UPLOAD_BYTES = 32 << 20


class VisionServicer(rpc.VisionServiceServicer):
    """Answers calls; a picture waits for a slot of the engine only after it was uploaded."""

    def __init__(self, engine: VisionEngine, slots: EngineSlots, memory: UploadMemory) -> None:
        self._engine = engine
        self._slots = slots
        self._memory = memory

    async def AnalyzeImage(
        self, request_iterator: AsyncIterator[pb.AnalyzeImageRequest], context: Context
    ) -> AsyncGenerator[pb.AnalyzeImageResponse, None]:
        """Analyzes one picture.

        Raises:
            DomainError: of the upload, ENGINE_BUSY, or of the engine.
        """
        with self._memory.share() as share:
            config, image = await read_upload(
                request_iterator, data_field="image", max_bytes=MAX_UPLOAD_BYTES, share=share
            )
            options = AnalysisOptions(enhance=config.enhance, skip_text=config.skip_text)
            async with self._slots.admit(), aclosing(self._engine.analyze(image, options)) as events:
                async for event in events:
                    if isinstance(event, Progress):
                        yield pb.AnalyzeImageResponse(progress_percent=event.percent)
                    else:
                        yield pb.AnalyzeImageResponse(result=to_result(event))

    async def GetEngine(self, request: pb.GetEngineRequest, context: Context) -> pb.GetEngineResponse:
        """Tells which engine is live."""
        return pb.GetEngineResponse(engine=to_engine(self._engine.info))
