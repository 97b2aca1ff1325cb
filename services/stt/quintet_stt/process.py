"""Puts the service together."""

import asyncio
from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from quintet.stt.v1 import stt_service_pb2
from quintet.stt.v1.stt_service_pb2_grpc import add_SttServiceServicer_to_server
from quintet_engines import EngineSlots
from quintet_rpc import Service, run_process
from quintet_rpc.request_context import current_script
from quintet_rpc.uploads import UploadMemory
from quintet_stt.admission import Lanes
from quintet_stt.selection import select_engine
from quintet_stt.servicer import SttServicer
from quintet_stt.settings import SttSettings
from quintet_stt.streaming.desk import ConversationDesk


def build(settings: SttSettings) -> Service:
    """Makes the service of these settings; nothing is loaded yet."""
    engine = select_engine(settings, current_script)
    lanes = Lanes(
        EngineSlots(settings.slots, settings.waiting),
        EngineSlots(settings.long_slots, settings.long_waiting),
        settings.long_audio_seconds,
    )
    memory = UploadMemory(settings.upload_memory_mib << 20)
    desk = ConversationDesk(
        engine,
        lanes,
        most=settings.streams,
        interim_every_s=settings.interim_seconds,
        stalled_reader_s=settings.stalled_reader_s,
    )
    servicer = SttServicer(engine, lanes, memory, settings.max_audio_seconds, desk)

    def register(server: grpc.aio.Server) -> Sequence[ServiceDescriptor]:
        add_SttServiceServicer_to_server(servicer, server)
        return [stt_service_pb2.DESCRIPTOR.services_by_name["SttService"]]

    async def warm_up() -> None:
        await asyncio.gather(engine.load(), desk.load())

    async def close() -> None:
        servicer.close()
        await engine.close()

    return Service("stt", settings, register, warm_up, close, engine.info)


def run() -> None:
    """Runs the service until it is told to stop."""
    run_process(SttSettings, build)
