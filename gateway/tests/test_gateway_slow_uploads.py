"""Uploads that come slowly: they end in time, and small ones never wait for them."""

import asyncio
import contextlib

import pytest
from nexus_requests import PNG, failure, form

from quintet_gateway.http.body import Pace
from quintet_gateway.http.failures import HttpError
from quintet_gateway.http.upload_budget import UPLOAD_BUDGET, UploadBudget
from quintet_testing import eventually

MIB = 1 << 20
HEAD = (
    b"POST /api/process/image HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
    b"Content-Length: %d\r\n\r\n"
)
BEGIN = b'--XX\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + PNG


def test_deadline_of_a_form_grows_with_its_size_up_to_two_minutes():
    pace = Pace(silence_s=20)
    assert pace.form_s(0) == 20
    assert pace.form_s(MIB) == 36
    assert pace.form_s(20 * MIB) == 120


async def test_form_that_comes_steadily_but_too_slowly_is_cut_off(start, send_raw):
    client = await start(body_silence_s=0.2)
    reader, writer = await send_raw(client, HEAD % (64 << 10) + BEGIN, finish=False)

    async def send_slowly():
        # Far above the least pace between reads, so that only the deadline of the whole form (1.2 s) can end it.
        while True:
            writer.write(bytes(512))
            await asyncio.sleep(0.03)

    sending = asyncio.create_task(send_slowly())
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"}")
    sending.cancel()
    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
        await sending
    writer.close()
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"Request timed out" in answer
    assert client.app[UPLOAD_BUDGET].reserved_bytes == 0


@pytest.mark.slow
async def test_small_upload_does_not_wait_for_large_ones_that_hold_everything(start, send_raw):
    client = await start(upload_memory_mib=32, upload_wait_s=5)
    budget = client.app[UPLOAD_BUDGET]
    writers = []
    for size in (20 * MIB, 4 * MIB, 20 * MIB):
        _reader, writer = await send_raw(client, HEAD % size + BEGIN, finish=False)
        writers.append(writer)
        await asyncio.sleep(0)
    await eventually(lambda: reserves(budget, 24 * MIB))
    async with asyncio.timeout(4):
        for _ in range(20):
            response = await client.post("/api/process/image", data=form(image=PNG + bytes(100_000)))
            assert response.status == 200
    assert budget.reserved_bytes == 24 * MIB
    refused = await client.post("/api/process/image", data=form(image=PNG + bytes(2 * MIB)))
    await failure(refused, 503, "SERVICE_UNAVAILABLE")
    for writer in writers:
        writer.transport.abort()
    await eventually(lambda: reserves(budget, 0))


async def reserves(budget, size):
    return budget.reserved_bytes == size


async def test_reserve_is_for_small_ones_only_and_they_use_the_rest_as_well():
    budget = UploadBudget(100, wait_s=0.05, small_bytes=10, reserve_bytes=20)
    async with budget.reserve(75), budget.reserve(9):
        assert budget.reserved_bytes == 84
        with pytest.raises(HttpError):
            async with budget.reserve(10):
                pass
    async with contextlib.AsyncExitStack() as held:
        for _ in range(10):
            await held.enter_async_context(budget.reserve(9))
        assert budget.reserved_bytes == 90
    assert budget.reserved_bytes == 0
