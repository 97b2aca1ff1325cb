"""Pictures that the tests draw themselves, and engines to look at them."""

import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import zxingcpp
from PIL import Image, ImageDraw, ImageFont

from quintet_vision.engine import Analysis, AnalysisOptions, Progress, VisionEngine
from quintet_vision.engines.opencv import OpenCvEngine
from quintet_vision.text_reader import TextReader


class Studio:
    """Draws pictures and runs engines over them."""

    def file(self, image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
        target = io.BytesIO()
        image.save(target, file_format, **options)
        return target.getvalue()

    def exit_sign(self, size: tuple[int, int] = (640, 480)) -> Image.Image:
        image = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(image)
        draw.rectangle((40, 200, 240, 400), fill=(255, 0, 0))
        draw.text((300, 60), "EXIT 42", fill="black", font=ImageFont.load_default(size=64))
        return image

    def page(self, lines: int, size: tuple[int, int] = (1280, 720)) -> Image.Image:
        image = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(image)
        step = size[1] // (lines + 1)
        for number in range(lines):
            text = f"Line {number} of a page that is full of text to be read"
            draw.text((40, 20 + number * step), text, fill="black", font=ImageFont.load_default(size=min(28, step - 6)))
        return image

    def noise(self, size: tuple[int, int] = (320, 240)) -> Image.Image:
        return Image.effect_noise(size, 60).convert("RGB")

    def code(self, kind: zxingcpp.BarcodeFormat, payload: str) -> Image.Image:
        barcode = zxingcpp.create_barcode(payload, kind)
        drawn = Image.fromarray(zxingcpp.write_barcode_to_image(barcode, scale=4))
        image = Image.new("RGB", (1200, 480), "white")
        image.paste(drawn, (200, 100))
        return image

    async def events(
        self, engine: VisionEngine, image: bytes, *, enhance: bool = False, skip_text: bool = True
    ) -> list[Progress | Analysis]:
        options = AnalysisOptions(enhance=enhance, skip_text=skip_text)
        return [event async for event in engine.analyze(image, options)]

    async def analysis(
        self, engine: VisionEngine, image: bytes, *, enhance: bool = False, skip_text: bool = True
    ) -> Analysis:
        last = (await self.events(engine, image, enhance=enhance, skip_text=skip_text))[-1]
        assert isinstance(last, Analysis)
        return last


@pytest.fixture
def studio() -> Studio:
    return Studio()


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[TextReader]:
    reader = TextReader(threads=2, budget_s=60)
    yield reader
    await reader.close()


@pytest_asyncio.fixture
async def opencv(reader: TextReader) -> AsyncIterator[OpenCvEngine]:
    engine = OpenCvEngine(max_pixels=50_000_000, threads=2, text_reader=reader)
    yield engine
    await engine.close()
