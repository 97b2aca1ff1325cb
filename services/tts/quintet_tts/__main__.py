"""Starts the text to speech service: `python -m quintet_tts`."""

from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from quintet.tts.v1 import tts_service_pb2 as pb
from quintet.tts.v1 import tts_service_pb2_grpc as rpc
from quintet_engines import EngineSlots
from quintet_observability import metrics
from quintet_rpc import Service, run_process
from quintet_rpc.request_context import current_script
from quintet_tts.engine import TtsEngine
from quintet_tts.engines.espeak import EspeakEngine
from quintet_tts.engines.scripted import ScriptedEngine
from quintet_tts.servicer import TtsServicer
from quintet_tts.settings import TtsSettings


def build(settings: TtsSettings) -> Service:
    """Puts the service together.

    Raises:
        DomainError: SERVICE_UNAVAILABLE if the engine is not installed.
    """
    engine = build_engine(settings)
    slots = EngineSlots(settings.slots, settings.waiting)
    metrics.watch_engine("tts", slots)
    servicer = TtsServicer(
        engine,
        slots,
        max_audio_s=settings.max_audio_s,
        stalled_reader_s=settings.stalled_reader_s,
        idle_caller_s=settings.idle_caller_s,
    )

    def register(server: grpc.aio.Server) -> Sequence[ServiceDescriptor]:
        rpc.add_TtsServiceServicer_to_server(servicer, server)
        return [pb.DESCRIPTOR.services_by_name["TtsService"]]

    async def close() -> None:
        servicer.close()
        await engine.close()

    return Service(
        name="tts", settings=settings, register=register, warm_up=servicer.warm_up, close=close, describe=engine.info
    )


def build_engine(settings: TtsSettings) -> TtsEngine:
    """Chooses the engine and says why."""
    if settings.engine == "scripted":
        return ScriptedEngine(current_script, "The setting asks for it.")
    why = "The setting asks for it." if settings.engine == "espeak" else "It speaks without a download."
    return EspeakEngine(why)


if __name__ == "__main__":
    run_process(TtsSettings, build)
