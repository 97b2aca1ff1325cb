"""The embedded engine: OpenCV's classic detectors and a text recogniser whose models come with its package."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import cv2
import numpy as np

from quintet_engines import EngineInfo, EngineKind, IdleUnloader, Limitation
from quintet_errors import DomainError, Reason
from quintet_vision.analysis.codes import as_objects, read_codes
from quintet_vision.analysis.colors import dominant_colors
from quintet_vision.analysis.decode import decode
from quintet_vision.analysis.describe import describe, mean_confidence
from quintet_vision.analysis.enhance import enhance
from quintet_vision.analysis.people import PeopleFinder
from quintet_vision.analysis.picture import Picture
from quintet_vision.analysis.quality import measure_quality
from quintet_vision.analysis.scene import is_drawn, scene_of
from quintet_vision.analysis.suggest import suggestions
from quintet_vision.engine import Analysis, AnalysisOptions, DecodedCode, DetectedObject, Progress
from quintet_vision.memory import return_large_blocks, trim
from quintet_vision.text_reader import ReadText, TextReader

ResultT = TypeVar("ResultT")

LIMITATIONS = (
    Limitation(
        "objects",
        "Only faces, whole standing people and printed codes are recognised; other things need a YOLO model, "
        "which this engine does not have.",
    ),
    Limitation("emotions", "Emotions are not read from faces."),
    Limitation("faces", "Faces turned aside, covered or very small are missed, and no face is told from another."),
    Limitation(
        "text", "Printed Latin, Greek, Chinese and Japanese text is read; other scripts and handwriting are not."
    ),
    Limitation(
        "codes", "QR, Data Matrix, Aztec, PDF417, EAN, UPC and Code 128 are read; other kinds of codes are not."
    ),
)
CAPABILITIES = ("faces", "people", "codes", "colors", "quality", "scene", "text", "description", "enhance")


class _Detectors(threading.local):
    """One set of detectors for each thread, because OpenCV's are not for two threads at once."""

    def __init__(self) -> None:
        self.people = PeopleFinder()


class _Look:
    """What is found out about one picture, step by step; each step runs on some worker thread."""

    def __init__(self, picture: Picture, detectors: _Detectors, options: AnalysisOptions) -> None:
        self._picture = picture
        self._detectors = detectors
        self._options = options
        self._objects: tuple[DetectedObject, ...] = ()
        self._codes: tuple[DecodedCode, ...] = ()
        self._enhanced = b""

    def steps(self) -> Iterator[tuple[Callable[[], None], int]]:
        """Yields the steps in order, each with the progress that stands after it."""
        yield self._measure, 25
        yield self._read_codes, 35
        yield self._find_faces, 50
        # Letters and logos have the outlines of people in them.
        if not self._drawn:
            yield self._find_people, 60
        if self._options.enhance:
            yield self._enhance, 70

    def _measure(self) -> None:
        self._quality = measure_quality(self._picture)
        self._colors = dominant_colors(self._picture)
        self._drawn = is_drawn(self._picture)

    def _read_codes(self) -> None:
        self._codes = read_codes(self._picture)
        self._objects = as_objects(self._codes)

    def _find_faces(self) -> None:
        self._objects = (*self._objects, *self._detectors.people.faces(self._picture))

    def _find_people(self) -> None:
        self._objects = (*self._objects, *self._detectors.people.people(self._picture))

    def _enhance(self) -> None:
        self._enhanced = enhance(self._picture, self._quality, drawn=self._drawn)

    def analysis(self, text: ReadText) -> Analysis:
        """Returns all of it in one, after the last step."""
        objects = tuple(sorted(self._objects, key=lambda one: -one.confidence))
        analysis = Analysis(
            objects=objects,
            scene=scene_of(self._picture, self._quality, objects, text.lines),
            dominant_colors=self._colors,
            text_lines=text.lines,
            codes=self._codes,
            quality=self._quality,
            description="",
            suggestions=(),
            confidence=mean_confidence(objects, text.lines, self._quality.quality_score),
            processing_seconds=0.0,
            limitations=LIMITATIONS,
            width=self._picture.width,
            height=self._picture.height,
            format=self._picture.format,
            frame_count=self._picture.frame_count,
            enhanced_image=self._enhanced,
        )
        sentences = describe(analysis, text_was_read=not self._options.skip_text, text_is_complete=text.complete)
        return replace(analysis, description=sentences, suggestions=suggestions(analysis))


class OpenCvEngine:
    """Analyzes pictures on `threads` worker threads; text is read beside the other steps.

    After `idle_unload_s` without a picture (0: never) the text recogniser ends and the detectors' buffers are freed.
    """

    def __init__(
        self,
        *,
        max_pixels: int,
        threads: int,
        text_reader: TextReader,
        idle_unload_s: float = 0,
        choice_reason: str = "",
    ) -> None:
        self._max_pixels = max_pixels
        self._text_reader = text_reader
        self._choice_reason = choice_reason
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="vision")
        self._detectors = _Detectors()
        self._idle = IdleUnloader(idle_unload_s, self._unload)
        cv2.setNumThreads(threads)
        return_large_blocks()

    @property
    def info(self) -> EngineInfo:
        """What the engine is; `loaded` tells whether the text recogniser is in memory."""
        return EngineInfo(
            name="opencv",
            kind=EngineKind.EMBEDDED,
            model="PP-OCRv6",
            choice_reason=self._choice_reason,
            capabilities=CAPABILITIES,
            limitations=LIMITATIONS,
            loaded=self._text_reader.worker_pid is not None,
        )

    async def warm_up(self) -> None:
        """Loads the detectors; the text recogniser is loaded on first use."""
        _, noise = cv2.imencode(".png", np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8))
        async for _ in self.analyze(noise.tobytes(), AnalysisOptions(skip_text=True)):
            pass

    async def analyze(self, image: bytes, options: AnalysisOptions) -> AsyncGenerator[Progress | Analysis, None]:
        """Yields progress after each step, then the analysis.

        Raises:
            DomainError: UNSUPPORTED_FORMAT, UNDECODABLE_MEDIA, IMAGE_TOO_LARGE or ENGINE_FAILED.
        """
        with self._idle.in_use():
            started = time.monotonic()
            picture = await self._run(partial(decode, image, max_pixels=self._max_pixels))
            yield Progress(10)
            async with aclosing(self._look_at(picture, options)) as events:
                async for event in events:
                    yield event if isinstance(event, Progress) else _timed(event, started)

    async def _look_at(self, picture: Picture, options: AnalysisOptions) -> AsyncGenerator[Progress | Analysis, None]:
        reading = asyncio.create_task(self._read_text(picture, options))
        try:
            look = _Look(picture, self._detectors, options)
            for step, percent in look.steps():
                await self._run(step)
                yield Progress(percent)
            text = await reading
            yield Progress(95)
        finally:
            # Also when the caller went away: nobody waits for the text any more.
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        yield await self._run(partial(look.analysis, text))

    async def close(self) -> None:
        """Ends the text recogniser and waits for the step at work."""
        await self._idle.close()
        await self._text_reader.close()
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    async def _unload(self) -> None:
        await self._text_reader.close()
        self._detectors = _Detectors()
        await asyncio.to_thread(trim)

    async def _read_text(self, picture: Picture, options: AnalysisOptions) -> ReadText:
        return ReadText() if options.skip_text else await self._text_reader.read(picture)

    async def _run(self, step: Callable[[], ResultT]) -> ResultT:
        job = self._executor.submit(step)
        work = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(work)
        except (cv2.error, MemoryError) as error:
            raise DomainError(Reason.ENGINE_FAILED, "A step of the analysis failed on this picture.") from error
        except asyncio.CancelledError:
            job.cancel()
            await _until_done(work)
            raise


async def _until_done(work: "asyncio.Future[Any]") -> None:
    """Waits for a step that nobody needs any more: its caller may count the engine as free only when the thread is."""
    while not work.done():
        # A second cancellation changes nothing: the first one is under way already, behind this wait.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({work})
    if not work.cancelled():
        # Looked at, so that asyncio does not report an error that nobody waited for.
        work.exception()


def _timed(analysis: Analysis, started: float) -> Analysis:
    return replace(analysis, processing_seconds=time.monotonic() - started)
