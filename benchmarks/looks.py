"""Looks of sight: time to the first sound of a description, alone and four at once."""

import asyncio
import io
import statistics
import time
import wave
from collections.abc import Sequence

import aiohttp
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.voice_client import RATE_HZ, Place, running_place, speech

ALONE = 20
AT_ONCE = 4
ROUNDS = 6


def main() -> None:
    """Sends a picture of 1280 by 720 pixels, with and without a spoken question."""
    with running_place() as place:
        asyncio.run(_measure(place))


async def _measure(place: Place) -> None:
    picture, question = _picture(), _question()
    async with aiohttp.ClientSession() as session:
        await _look(session, place, picture, None, "warm")
        await _look(session, place, picture, question, "warm")
        alone = [await _look(session, place, picture, None, "alone") for _ in range(ALONE)]
        _print("snapshot alone", alone)
        for name, audio in (("snapshot", None), ("conversation", question)):
            times = []
            for _ in range(ROUNDS):
                looks = (_look(session, place, picture, audio, f"session {one}") for one in range(AT_ONCE))
                times += await asyncio.gather(*looks)
            _print(f"{name}, {AT_ONCE} at once", times)


async def _look(
    session: aiohttp.ClientSession, place: Place, picture: bytes, audio: bytes | None, name: str
) -> tuple[float, float]:
    """Returns the seconds to the first byte of sound and to the last one."""
    form = aiohttp.FormData({"session_id": name, "mode": "conversation" if audio else "snapshot"})
    form.add_field("image", picture, filename="photo.jpg")
    if audio:
        form.add_field("audio", audio, filename="question.wav")
    begun = time.perf_counter()
    async with session.post(f"{place.base}/api/v1/analyze", data=form) as response:
        assert response.status == 200, await response.text()
        await response.content.readany()
        first = time.perf_counter() - begun
        await response.read()
    return first, time.perf_counter() - begun


def _picture() -> bytes:
    """A street-like scene: sky, ground, a wall with a sign, and texture everywhere."""
    numbers = np.random.default_rng(1)
    pixels = np.zeros((720, 1280, 3), np.uint8)
    pixels[:300] = (150, 180, 220)
    pixels[300:] = (110, 105, 100)
    image = Image.fromarray(np.clip(pixels + numbers.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.rectangle((700, 120, 1180, 620), fill=(180, 150, 120))
    draw.rectangle((780, 180, 1100, 280), fill="white")
    draw.text((800, 190), "Bakery", fill="black", font=ImageFont.load_default(size=70))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


def _question() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE_HZ)
        writer.writeframes((speech("What does the sign in front of me say?") * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _print(what: str, times: Sequence[tuple[float, float]]) -> None:
    for part, values in zip(("first sound", "whole answer"), zip(*times, strict=True), strict=True):
        ordered = sorted(values)
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        print(f"{what}, {part}: p50 {statistics.median(ordered):.2f} s, p95 {p95:.2f} s, {len(ordered)} requests")
