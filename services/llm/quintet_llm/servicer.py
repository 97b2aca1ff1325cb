"""ChatService over whatever engine was chosen."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.chat.v1 import chat_service_pb2_grpc as rpc
from quintet_engines import EngineSlots
from quintet_llm.coalescing import coalesced
from quintet_llm.engine import ChatEngine, ChatRequest, Finished
from quintet_llm.messages import read_page, read_request, write_finished
from quintet_observability import metrics
from quintet_rpc.context import Context
from quintet_rpc.engine_info import to_engine


class ChatServicer(rpc.ChatServiceServicer):
    """Checks requests, admits them to the engine, and streams its text."""

    def __init__(self, engine: ChatEngine, slots: EngineSlots, *, refuse_unknown_model: bool = True) -> None:
        self._engine = engine
        self._slots = slots
        self._refuse_unknown_model = refuse_unknown_model
        metrics.watch_engine("llm", slots)

    async def StreamChat(
        self, request: pb.StreamChatRequest, context: Context
    ) -> AsyncGenerator[pb.StreamChatResponse, None]:
        """Answers the last message."""
        started = time.perf_counter()
        chat_request = read_request(request, self._engine.models(), refuse_unknown_model=self._refuse_unknown_model)
        async with self._slots.admit():
            info = self._engine.info()
            yield pb.StreamChatResponse(started=pb.ChatStarted(engine=info.name, model=chat_request.model))
            async with aclosing(self._answer(chat_request, info.name, started)) as responses:
                async for response in responses:
                    yield response

    async def _answer(
        self, request: ChatRequest, engine: str, started: float
    ) -> AsyncGenerator[pb.StreamChatResponse, None]:
        first_token_s = 0.0
        async with aclosing(coalesced(self._engine.answer(request))) as items:
            async for item in items:
                if not first_token_s:
                    first_token_s = time.perf_counter() - started
                if isinstance(item, Finished):
                    _count(engine, item, first_token_s)
                    yield write_finished(item, first_token_s)
                else:
                    yield pb.StreamChatResponse(text_delta=item)

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        """Lists the models."""
        start, size = read_page(request)
        names = self._engine.models()
        engine = self._engine.info().name
        end = start + size
        return pb.ListModelsResponse(
            models=[pb.Model(name=name, engine=engine) for name in names[start:end]],
            next_page_token=str(end) if end < len(names) else "",
        )

    async def GetEngine(self, request: pb.GetEngineRequest, context: Context) -> pb.GetEngineResponse:
        """Describes the engine."""
        return pb.GetEngineResponse(engine=to_engine(self._engine.info()))


def _count(engine: str, finished: Finished, first_token_s: float) -> None:
    metrics.FIRST_TOKEN_SECONDS.labels(engine).observe(first_token_s)
    metrics.TOKENS.labels(engine, "input").inc(finished.input_tokens)
    metrics.TOKENS.labels(engine, "output").inc(finished.output_tokens)
