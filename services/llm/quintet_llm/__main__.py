"""Runs the chat service."""

from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.chat.v1 import chat_service_pb2_grpc as rpc
from quintet_engines import EngineSlots
from quintet_llm.engine import ChatEngine
from quintet_llm.engines.grounded import GroundedEngine
from quintet_llm.engines.scripted import ScriptedEngine
from quintet_llm.servicer import ChatServicer
from quintet_llm.settings import LlmSettings
from quintet_llm.skills.registry import SkillOptions
from quintet_rpc import Service, run_process
from quintet_rpc.request_context import current_script


def choose_engine(settings: LlmSettings) -> ChatEngine:
    """Returns the engine that the settings name."""
    if settings.engine == "scripted":
        return ScriptedEngine(current_script)
    return GroundedEngine(
        SkillOptions(settings.geocoding_url, settings.forecast_url, settings.shares_url, settings.remedy)
    )


def build(settings: LlmSettings) -> Service:
    """Puts the service together."""
    engine = choose_engine(settings)

    def register(server: grpc.aio.Server) -> Sequence[ServiceDescriptor]:
        rpc.add_ChatServiceServicer_to_server(
            ChatServicer(engine, EngineSlots(settings.slots, settings.waiting)), server
        )
        return [pb.DESCRIPTOR.services_by_name["ChatService"]]

    return Service("llm", settings, register, engine.warm_up, engine.close, engine.info)


if __name__ == "__main__":
    run_process(LlmSettings, build)
