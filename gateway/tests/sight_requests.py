"""What the gateway's tests say to the sight surface, and how they read its answers."""

from aiohttp import FormData

MIB = 1 << 20
JPEG = b"\xff\xd8\xff\xe0 a picture"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt a question"
ANALYZE = "/api/v1/analyze"
RESET = "/api/v1/session/reset"


def form(*, without=(), **changes):
    """Returns the form of a conversation with some fields changed or left out."""
    values = {"session_id": "test-123", "mode": "conversation", "image": JPEG, "audio": WAV, **changes}
    data = FormData(default_to_multipart=True)
    for name, value in values.items():
        if name in without:
            continue
        if isinstance(value, bytes):
            data.add_field(name, value, filename="blob", content_type="application/octet-stream")
        else:
            data.add_field(name, value)
    return data


async def analyze(client, headers=None, **changes):
    return await client.post(ANALYZE, data=form(**changes), headers=headers)


async def refused(response, status, detail):
    assert (response.status, await response.json()) == (status, {"detail": detail})
    assert float(response.headers["X-Process-Time"]) >= 0


async def spoken(response, status, text):
    assert response.status == status
    assert response.headers["Content-Type"] == "audio/mpeg"
    assert (await response.read()).decode() == text
