"""EmbeddingService over whatever engine is live."""

from quintet.embedding.v1 import embedding_service_pb2 as pb
from quintet.embedding.v1 import embedding_service_pb2_grpc as rpc
from quintet.media.v1 import engine_pb2
from quintet_engines import EngineSlots
from quintet_errors import DomainError, Reason
from quintet_llm.embedding_engine import EmbeddingSource, Purpose
from quintet_observability import metrics
from quintet_rpc.context import Context
from quintet_rpc.engine_info import to_engine

MOST_TEXTS = 64
LARGEST_TEXT = 32 << 10
"""In bytes of UTF-8."""

_PURPOSES = {
    pb.EmbedTextsRequest.PURPOSE_UNSPECIFIED: Purpose.PASSAGE,
    pb.EmbedTextsRequest.PURPOSE_PASSAGE: Purpose.PASSAGE,
    pb.EmbedTextsRequest.PURPOSE_QUERY: Purpose.QUERY,
}


class EmbeddingLanes:
    """Admission in two lanes, so that a question never waits for a place among passages."""

    def __init__(self, slots: int, waiting: int) -> None:
        self._lanes = {purpose: EngineSlots(slots, waiting) for purpose in Purpose}

    def of(self, purpose: Purpose) -> EngineSlots:
        """Returns the lane of texts for a purpose."""
        return self._lanes[purpose]

    @property
    def active(self) -> int:
        """How many requests are at work."""
        return sum(lane.active for lane in self._lanes.values())

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(lane.waiting for lane in self._lanes.values())


class EmbeddingServicer(rpc.EmbeddingServiceServicer):
    """Checks requests, admits them to the engine, and returns its vectors."""

    def __init__(self, source: EmbeddingSource, lanes: EmbeddingLanes) -> None:
        self._source = source
        self._lanes = lanes
        metrics.watch_engine("embedding", lanes)

    async def EmbedTexts(self, request: pb.EmbedTextsRequest, context: Context) -> pb.EmbedTextsResponse:
        """Embeds the texts."""
        purpose = _check(request)
        engine = self._source()
        async with self._lanes.of(purpose).admit():
            vectors = await engine.embed(list(request.texts), purpose)
        embeddings = [pb.Embedding(values=vector) for vector in vectors]
        return pb.EmbedTextsResponse(embeddings=embeddings, model=engine.info().model)

    async def GetEngine(self, request: pb.GetEngineRequest, context: Context) -> pb.GetEngineResponse:
        """Describes the engine, or says why there is none."""
        try:
            engine = self._source()
        except DomainError as error:
            return pb.GetEngineResponse(engine=_no_engine(error))
        return pb.GetEngineResponse(engine=to_engine(engine.info()), dimensions=engine.dimensions)


def _no_engine(error: DomainError) -> engine_pb2.Engine:
    remedy = error.metadata.get("remedy", "")
    limitation = engine_pb2.Limitation(subject="embeddings", explanation=error.message, remedy=remedy)
    return engine_pb2.Engine(choice_reason=error.message, limitations=[limitation])


def _check(request: pb.EmbedTextsRequest) -> Purpose:
    """Returns what the texts are for.

    Raises:
        DomainError: MISSING_FIELD, INVALID_ARGUMENT or PAYLOAD_TOO_LARGE.
    """
    purpose = _PURPOSES.get(request.purpose)
    if purpose is None:
        raise DomainError(Reason.INVALID_ARGUMENT, "The purpose is none of the contract's.", {"field": "purpose"})
    if not request.texts:
        raise DomainError(Reason.MISSING_FIELD, "There is no text to embed.", {"field": "texts"})
    if len(request.texts) > MOST_TEXTS:
        raise DomainError(
            Reason.INVALID_ARGUMENT, f"At most {MOST_TEXTS} texts can be embedded at once.", {"field": "texts"}
        )
    for index, text in enumerate(request.texts):
        _check_text(text, index)
    return purpose


def _check_text(text: str, index: int) -> None:
    if not text.strip():
        raise DomainError(Reason.INVALID_ARGUMENT, f"Text {index} is blank.", {"field": "texts"})
    if len(text) > LARGEST_TEXT // 4 and len(text.encode()) > LARGEST_TEXT:
        raise DomainError(
            Reason.PAYLOAD_TOO_LARGE, f"Text {index} is larger than 32 KiB.", {"maxBytes": str(LARGEST_TEXT)}
        )
