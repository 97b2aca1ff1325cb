"""Runs the chat service."""

from collections.abc import Mapping, Sequence

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.chat.v1 import chat_service_pb2_grpc as rpc
from quintet.embedding.v1 import embedding_service_pb2 as embedding_pb
from quintet.embedding.v1 import embedding_service_pb2_grpc as embedding_rpc
from quintet_engines import EngineInfo, EngineSlots
from quintet_errors import DomainError
from quintet_llm.embedding_engine import EmbeddingSource
from quintet_llm.embedding_servicer import EmbeddingLanes, EmbeddingServicer
from quintet_llm.engine import ChatEngine
from quintet_llm.engines.scripted import ScriptedEngine
from quintet_llm.engines.scripted_embedding import ScriptedEmbedding
from quintet_llm.installed_embedding import InstalledEmbedding
from quintet_llm.meaning import EmbeddingMeaning
from quintet_llm.servicer import ChatServicer
from quintet_llm.settings import LlmSettings
from quintet_llm.skills.meaning import MeasuresMeaning
from quintet_rpc import Service, run_process
from quintet_rpc.request_context import current_script


def choose_engine(settings: LlmSettings, meaning: MeasuresMeaning | None = None) -> ChatEngine:
    """Returns the engine that the settings name.

    Raises:
        DomainError: INVALID_ARGUMENT if a provider is asked for and none is configured.
    """
    if settings.engine == "scripted":
        return ScriptedEngine(current_script)
    # A script needs none of the libraries behind skills and providers, which take most of a second of each start.
    from quintet_llm.selection import select_engine  # noqa: PLC0415 - as said

    return select_engine(settings, meaning)


def choose_embedding(settings: LlmSettings) -> InstalledEmbedding | ScriptedEmbedding:
    """Returns where vectors come from: the installed model, or the script where scripted engines are asked for."""
    if settings.engine == "scripted":
        return ScriptedEmbedding()
    return InstalledEmbedding(
        settings.data_dir / "models",
        settings.embedding_model,
        threads=settings.embedding_threads,
        idle_unload_s=settings.idle_unload_s,
    )


def describe_embedding(source: EmbeddingSource) -> Mapping[str, EngineInfo | DomainError]:
    """Returns the embedding engine by its name, or why there is none."""
    try:
        return {"embedding": source().info()}
    except DomainError as error:
        return {"embedding": error}


def build(settings: LlmSettings) -> Service:
    """Puts the service together."""
    embedding = choose_embedding(settings)
    # Scripted vectors know nothing of meaning.
    meaning = EmbeddingMeaning(embedding.current) if isinstance(embedding, InstalledEmbedding) else None
    engine = choose_engine(settings, meaning)

    def register(server: grpc.aio.Server) -> Sequence[ServiceDescriptor]:
        slots = EngineSlots(settings.slots, settings.waiting)
        servicer = ChatServicer(engine, slots, refuse_unknown_model=settings.unknown_model == "refuse")
        rpc.add_ChatServiceServicer_to_server(servicer, server)
        lanes = EmbeddingLanes(settings.embedding_slots, settings.embedding_waiting)
        embedding_rpc.add_EmbeddingServiceServicer_to_server(EmbeddingServicer(embedding.current, lanes), server)
        return [
            pb.DESCRIPTOR.services_by_name["ChatService"],
            embedding_pb.DESCRIPTOR.services_by_name["EmbeddingService"],
        ]

    async def close() -> None:
        await embedding.close()
        await engine.close()

    return Service(
        "llm", settings, register, engine.warm_up, close, engine.info, lambda: describe_embedding(embedding.current)
    )


if __name__ == "__main__":
    run_process(LlmSettings, build)
