"""Starts the vision service: `python -m quintet_vision`."""

from collections.abc import Sequence

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from quintet.vision.v1 import vision_service_pb2 as pb
from quintet.vision.v1 import vision_service_pb2_grpc as rpc
from quintet_engines import EngineSlots
from quintet_observability import metrics
from quintet_rpc import Service, run_process
from quintet_rpc.request_context import current_script
from quintet_rpc.uploads import UploadMemory
from quintet_vision.engine import VisionEngine
from quintet_vision.engines.opencv import OpenCvEngine
from quintet_vision.engines.scripted import ScriptedEngine
from quintet_vision.servicer import VisionServicer
from quintet_vision.settings import VisionSettings
from quintet_vision.text_reader import TextReader


def build(settings: VisionSettings) -> Service:
    """Puts the service together."""
    engine = build_engine(settings)
    slots = EngineSlots(settings.slots, settings.waiting)
    metrics.watch_engine("vision", slots)

    servicer = VisionServicer(engine, slots, UploadMemory(settings.upload_memory_mib << 20))

    def register(server: grpc.aio.Server) -> Sequence[ServiceDescriptor]:
        rpc.add_VisionServiceServicer_to_server(servicer, server)
        return [pb.DESCRIPTOR.services_by_name["VisionService"]]

    return Service(
        name="vision",
        settings=settings,
        register=register,
        warm_up=engine.warm_up,
        close=engine.close,
        describe=lambda: engine.info,
    )


def build_engine(settings: VisionSettings) -> VisionEngine:
    """Chooses the engine and says why."""
    if settings.engine == "scripted":
        return ScriptedEngine(current_script, "The setting asks for it.")
    why = "The setting asks for it." if settings.engine == "opencv" else "It is the only engine that is installed."
    reader = TextReader(threads=settings.slots, budget_s=settings.text_budget_s)
    return OpenCvEngine(
        max_pixels=settings.max_pixels,
        threads=settings.slots,
        text_reader=reader,
        idle_unload_s=settings.idle_unload_s,
        choice_reason=why,
    )


if __name__ == "__main__":
    run_process(VisionSettings, build)
