"""One conformance suite for every engine, and what only the embedded engine does."""

import asyncio
import io
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from quintet_engines import EngineKind
from quintet_errors import DomainError, Reason
from quintet_testing import eventually
from quintet_vision.engine import Analysis, AnalysisOptions, Progress, VisionEngine
from quintet_vision.engines.opencv import OpenCvEngine
from quintet_vision.engines.scripted import ScriptedEngine
from quintet_vision.text_reader import TextReader


@pytest_asyncio.fixture(params=["opencv", "scripted"])
async def engine(request: pytest.FixtureRequest, opencv: OpenCvEngine) -> AsyncIterator[VisionEngine]:
    made: VisionEngine = opencv if request.param == "opencv" else ScriptedEngine(lambda: "steps=5,interval_ms=10")
    await made.warm_up()
    yield made
    await made.close()


class TestConformance:
    async def test_progress_rises_and_the_analysis_comes_last(self, studio: Any, engine: VisionEngine) -> None:
        events = await studio.events(engine, studio.file(studio.noise()))
        percents = [event.percent for event in events[:-1]]
        assert percents == sorted(set(percents))
        assert len(percents) >= 3
        assert all(0 <= percent <= 99 for percent in percents)
        assert isinstance(events[-1], Analysis)

    async def test_numbers_are_in_range(self, studio: Any, engine: VisionEngine) -> None:
        found = await studio.analysis(engine, studio.file(studio.exit_sign()))
        assert found.description
        assert found.limitations
        assert 0 <= found.confidence <= 1
        assert 0 <= found.quality.quality_score <= 1
        assert 0 <= found.processing_seconds < 10
        assert found.enhanced_image == b""

    async def test_an_enhanced_copy_is_made_when_asked_for(self, studio: Any, engine: VisionEngine) -> None:
        found = await studio.analysis(engine, studio.file(studio.noise()), enhance=True)
        with Image.open(io.BytesIO(found.enhanced_image)) as copy:
            assert copy.format == "JPEG"

    async def test_says_what_it_is_and_what_it_cannot_do(self, engine: VisionEngine) -> None:
        info = engine.info
        assert info.name == info.name.lower()
        assert "description" in info.capabilities
        assert "objects" in {one.subject for one in info.limitations}

    async def test_requests_at_the_same_time_do_not_disturb_each_other(self, studio: Any, engine: VisionEngine) -> None:
        files = [studio.file(studio.noise()), studio.file(studio.exit_sign())] * 3
        found = await asyncio.gather(*(studio.analysis(engine, file) for file in files))
        assert found[0].dominant_colors == found[2].dominant_colors == found[4].dominant_colors
        assert found[1].dominant_colors == found[3].dominant_colors == found[5].dominant_colors

    async def test_closing_the_stream_stops_the_work(self, studio: Any, engine: VisionEngine) -> None:
        for skip_text in (True, False):
            events = engine.analyze(studio.file(studio.exit_sign()), AnalysisOptions(skip_text=skip_text))
            assert isinstance(await anext(events), Progress)
            started = time.monotonic()
            await events.aclose()
            assert time.monotonic() - started < 0.25
        assert isinstance((await studio.events(engine, studio.file(studio.noise())))[-1], Analysis)

    async def test_cancelling_the_task_leaves_no_task_behind(self, studio: Any, engine: VisionEngine) -> None:
        before = asyncio.all_tasks()
        work = asyncio.create_task(studio.events(engine, studio.file(studio.exit_sign()), skip_text=False))
        await asyncio.wait({work}, timeout=0.03)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

        async def settled() -> bool:
            return asyncio.all_tasks() <= before

        await eventually(settled, within_s=2)


@pytest.mark.slow
async def test_reads_the_sign_and_names_its_color(studio: Any, opencv: OpenCvEngine) -> None:
    assert not opencv.info.loaded
    found = await studio.analysis(opencv, studio.file(studio.exit_sign()), skip_text=False)
    assert [line.text for line in found.text_lines] == ["EXIT 42"]
    assert "red" in [color.name for color in found.dominant_colors]
    assert "EXIT 42" in found.description
    assert "red" in found.description
    assert (found.scene, found.width, found.height, found.format) == ("graphic", 640, 480, "png")
    box = found.text_lines[0].box
    assert (280 < box.x < 320, 50 < box.y < 90) == (True, True)
    assert opencv.info.loaded

    large = await studio.analysis(opencv, studio.file(studio.exit_sign().resize((4000, 3000))), skip_text=False)
    assert [line.text for line in large.text_lines] == ["EXIT 42"]
    assert large.text_lines[0].box.x > 1700


async def test_hostile_files_fail_and_the_next_one_is_seen(studio: Any, opencv: OpenCvEngine) -> None:
    good = studio.file(studio.exit_sign())
    bomb = studio.file(Image.new("1", (10_000, 10_000)))
    for data, reason in (
        (b"", Reason.UNDECODABLE_MEDIA),
        (b"PK\x03\x04", Reason.UNSUPPORTED_FORMAT),
        (good[:2000], Reason.UNDECODABLE_MEDIA),
        (bomb, Reason.IMAGE_TOO_LARGE),
    ):
        with pytest.raises(DomainError) as refused:
            await studio.analysis(opencv, data)
        assert refused.value.reason is reason
        assert (await studio.analysis(opencv, good)).width == 640


async def test_the_event_loop_goes_on_meanwhile(studio: Any, opencv: OpenCvEngine) -> None:
    """The loop's share of the work is measured in CPU time of its thread, which a busy machine does not change."""
    await opencv.warm_up()
    file = studio.file(studio.noise((1920, 1080)), "JPEG")
    before = time.thread_time()
    await studio.analysis(opencv, file, enhance=True)
    assert time.thread_time() - before < 0.05


class HeldFile(bytes):
    """A file whose first reading stops until it is let go."""

    def __new__(cls, data: bytes) -> "HeldFile":
        made = super().__new__(cls, data)
        made.begun, made.let_go = threading.Event(), threading.Event()
        return made

    begun: threading.Event
    let_go: threading.Event

    def startswith(self, *arguments: Any) -> bool:
        self.begun.set()
        assert self.let_go.wait(10)
        return super().startswith(*arguments)


async def test_a_cancelled_analysis_ends_when_its_thread_does(studio: Any, opencv: OpenCvEngine) -> None:
    """Whoever frees the slot of a cancelled analysis must not let the next one into a busy engine."""
    file = HeldFile(studio.file(studio.noise()))
    work = asyncio.create_task(studio.events(opencv, file))
    await asyncio.to_thread(file.begun.wait, 10)
    for _ in range(3):
        work.cancel()
        await asyncio.wait({work}, timeout=0.02)
        assert not work.done()
    file.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await work


@pytest.mark.slow
async def test_memory_of_the_recogniser_comes_back_when_idle(studio: Any, reader: TextReader) -> None:
    engine = OpenCvEngine(max_pixels=1_000_000, threads=1, text_reader=reader, idle_unload_s=0.05)
    try:
        await studio.analysis(engine, studio.file(studio.exit_sign()), skip_text=False)

        async def unloaded() -> bool:
            return not engine.info.loaded

        await eventually(unloaded, within_s=5)
        assert (await studio.analysis(engine, studio.file(studio.exit_sign()))).width == 640
    finally:
        await engine.close()


async def test_the_script_sets_text_steps_and_errors(studio: Any) -> None:
    told = await studio.events(ScriptedEngine(lambda: "steps=3,text=A dog, in a park."), b"")
    assert [event.percent for event in told[:-1]] == [33, 66, 99]
    assert told[-1].description == "A dog, in a park."
    failing = ScriptedEngine(lambda: "steps=10,error=ENGINE_FAILED,error_after=2")
    assert failing.info.kind is EngineKind.SCRIPTED
    seen = []
    with pytest.raises(DomainError) as failed:
        async for event in failing.analyze(b"", AnalysisOptions()):
            seen.append(event)
    assert failed.value.reason is Reason.ENGINE_FAILED
    assert len(seen) == 2
