"""The service over a real gRPC connection."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from quintet.media.v1 import engine_pb2
from quintet.vision.v1 import vision_service_pb2 as pb
from quintet.vision.v1 import vision_service_pb2_grpc as rpc
from quintet_engines import EngineSlots
from quintet_errors import DomainError, Reason
from quintet_errors.status import from_rpc_error
from quintet_rpc.request_context import current_script
from quintet_rpc.uploads import UploadMemory
from quintet_testing import eventually, serve
from quintet_vision.engine import VisionEngine
from quintet_vision.engines.opencv import OpenCvEngine
from quintet_vision.engines.scripted import ScriptedEngine
from quintet_vision.servicer import MAX_UPLOAD_BYTES, VisionServicer


@asynccontextmanager
async def vision(
    engine: VisionEngine, slots: EngineSlots | None = None, memory: UploadMemory | None = None
) -> AsyncIterator["rpc.VisionServiceAsyncStub"]:
    servicer = VisionServicer(engine, slots or EngineSlots(2, 4), memory or UploadMemory(128 << 20))

    def register(server: grpc.aio.Server) -> list[Any]:
        rpc.add_VisionServiceServicer_to_server(servicer, server)
        return [pb.DESCRIPTOR.services_by_name["VisionService"]]

    async with serve(register) as channel:
        yield rpc.VisionServiceStub(channel)


def upload(image: bytes, chunk: int = 64 << 10, **config: bool) -> Iterator[pb.AnalyzeImageRequest]:
    yield pb.AnalyzeImageRequest(config=pb.AnalyzeImageConfig(**config))
    for start in range(0, len(image), chunk):
        yield pb.AnalyzeImageRequest(image=image[start : start + chunk])


async def refused(call: Any) -> DomainError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        async for _ in call:
            pass
    return from_rpc_error(error.value)


@pytest.mark.slow
async def test_answers_progress_and_then_the_result(studio: Any, opencv: OpenCvEngine) -> None:
    async with vision(opencv) as stub:
        events = [event async for event in stub.AnalyzeImage(upload(studio.file(studio.exit_sign()), enhance=True))]
        kinds = [event.WhichOneof("event") for event in events]
        assert kinds == ["progress_percent"] * (len(events) - 1) + ["result"]
        found = events[-1].result.analysis
        assert found.text_lines[0].text == "EXIT 42"
        assert "red" in [color.name for color in found.dominant_colors]
        assert "EXIT 42" in found.description
        assert (found.width, found.height, found.format, found.frame_count) == (640, 480, "png", 1)
        assert found.processing_duration.ToMilliseconds() > 0
        assert {one.subject for one in found.limitations} >= {"objects", "emotions"}
        assert events[-1].result.enhanced_image.startswith(b"\xff\xd8")

        engine = (await stub.GetEngine(pb.GetEngineRequest())).engine
        assert (engine.name, engine.kind) == ("opencv", engine_pb2.Engine.KIND_EMBEDDED)
        assert "text" in engine.capabilities


async def test_every_bad_upload_gets_its_reason_and_the_next_one_works(studio: Any, opencv: OpenCvEngine) -> None:
    good = studio.file(studio.noise())
    too_large = (b"\x89PNG" + bytes((1 << 20) - 4) for _ in range((MAX_UPLOAD_BYTES >> 20) + 1))
    config = pb.AnalyzeImageRequest(config=pb.AnalyzeImageConfig(skip_text=True))
    rows: list[tuple[Any, Reason]] = [
        (upload(b""), Reason.UNDECODABLE_MEDIA),
        (upload(b"GIF89a"), Reason.UNDECODABLE_MEDIA),
        (upload(b"just text"), Reason.UNSUPPORTED_FORMAT),
        (upload(good[: len(good) // 2]), Reason.UNDECODABLE_MEDIA),
        (iter([]), Reason.STREAM_OUT_OF_ORDER),
        (iter([pb.AnalyzeImageRequest(image=good)]), Reason.STREAM_OUT_OF_ORDER),
        (iter([config, config]), Reason.STREAM_OUT_OF_ORDER),
        (iter([config, pb.AnalyzeImageRequest()]), Reason.STREAM_OUT_OF_ORDER),
        (iter([config, *(pb.AnalyzeImageRequest(image=part) for part in too_large)]), Reason.PAYLOAD_TOO_LARGE),
    ]
    async with vision(opencv) as stub:
        for requests, reason in rows:
            assert (await refused(stub.AnalyzeImage(requests, timeout=10))).reason is reason
            events = [event async for event in stub.AnalyzeImage(upload(good, skip_text=True), timeout=10)]
            assert events[-1].result.analysis.width == 320


async def test_the_surplus_is_refused_at_once(studio: Any) -> None:
    slots = EngineSlots(1, 0)
    script = (("x-quintet-script", "steps=1000,interval_ms=20"),)
    async with vision(ScriptedEngine(current_script), slots) as stub:
        first = stub.AnalyzeImage(upload(b"picture"), metadata=script)
        await first.read()
        error = await refused(stub.AnalyzeImage(upload(b"picture"), timeout=5))
        assert error.reason is Reason.ENGINE_BUSY
        assert int(error.metadata["retryAfterSeconds"]) >= 1
        first.cancel()
        await asyncio.wait_for(slots.wait_idle(), 0.25)


async def test_open_uploads_are_refused_beyond_the_memory_of_all() -> None:
    memory = UploadMemory(3 << 20)
    go_on = asyncio.Event()

    async def halting() -> AsyncIterator[pb.AnalyzeImageRequest]:
        yield pb.AnalyzeImageRequest(config=pb.AnalyzeImageConfig())
        yield pb.AnalyzeImageRequest(image=bytes(1 << 20))
        await go_on.wait()

    async def full() -> bool:
        return memory.held_bytes == 3 << 20

    async with vision(ScriptedEngine(current_script), EngineSlots(9, 9), memory) as stub:
        calls = [stub.AnalyzeImage(halting(), timeout=10) for _ in range(3)]
        await eventually(full)
        error = await refused(stub.AnalyzeImage(halting(), timeout=10))
        assert error.reason is Reason.ENGINE_BUSY
        assert int(error.metadata["retryAfterSeconds"]) >= 1
        go_on.set()
        for call in calls:
            assert [event async for event in call][-1].WhichOneof("event") == "result"
        assert memory.held_bytes == 0
        call = stub.AnalyzeImage(upload(bytes(1 << 20)), metadata=(("x-quintet-script", "steps=1000,interval_ms=20"),))
        await call.read()
        assert memory.held_bytes == 1 << 20
        call.cancel()

        async def free() -> bool:
            return memory.held_bytes == 0

        await eventually(free)


async def test_a_cancelled_call_frees_the_engine(studio: Any, opencv: OpenCvEngine) -> None:
    slots = EngineSlots(1, 0)
    async with vision(opencv, slots) as stub:
        for _ in range(3):
            call = stub.AnalyzeImage(upload(studio.file(studio.page(20)), enhance=True))
            await call.read()
            assert slots.active == 1
            call.cancel()
            await asyncio.wait_for(slots.wait_idle(), 1)
        events = [event async for event in stub.AnalyzeImage(upload(studio.file(studio.noise()), skip_text=True))]
        assert events[-1].WhichOneof("event") == "result"


async def test_a_client_that_leaves_during_the_upload_holds_no_slot(studio: Any, opencv: OpenCvEngine) -> None:
    slots = EngineSlots(1, 0)
    sent = asyncio.Event()

    async def endless() -> AsyncIterator[pb.AnalyzeImageRequest]:
        yield pb.AnalyzeImageRequest(config=pb.AnalyzeImageConfig())
        yield pb.AnalyzeImageRequest(image=b"GIF89a")
        sent.set()
        await asyncio.Event().wait()

    async with vision(opencv, slots) as stub:
        call = stub.AnalyzeImage(endless())
        await asyncio.wait_for(sent.wait(), 5)
        # A slot of one: the other caller is served while this upload hangs, and after it was given up.
        file = studio.file(studio.noise())
        for _ in range(2):
            events = [event async for event in stub.AnalyzeImage(upload(file, skip_text=True), timeout=10)]
            assert events[-1].WhichOneof("event") == "result"
            call.cancel()
