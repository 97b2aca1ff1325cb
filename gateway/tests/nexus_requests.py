"""What the gateway's tests say to the nexus surface, and how they read its answers."""

import io
import json
import re

import aiohttp
import pytest

from quintet_gateway.assistant import Owner

ANYONE = Owner("nexus", "anonymous")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(100)
BASES = pytest.mark.parametrize("base", ["/api", "/v1"])


def form(**parts):
    data = aiohttp.FormData(default_to_multipart=True)
    for name, value in parts.items():
        if isinstance(value, bytes):
            data.add_field(name, io.BytesIO(value), filename="blob", content_type="application/octet-stream")
        else:
            data.add_field(name, value)
    return data


async def success(response):
    assert response.status == 200, await response.text()
    body = await response.json()
    assert body["success"] is True
    assert TIME.fullmatch(body["timestamp"])
    assert body["message"]
    return body


async def failure(response, status, code):
    body = await response.json()
    assert (response.status, body["error_code"]) == (status, code), body
    assert body["success"] is False
    assert isinstance(body["error"], str)
    assert body["error"]
    assert isinstance(body["details"], dict)
    assert TIME.fullmatch(body["timestamp"])
    return body


def words_of(text):
    frames = [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line]
    assert frames[-1]["complete"] is True
    assert not any(frame["complete"] for frame in frames[:-1])
    return [frame["word"] for frame in frames], frames[-1]
