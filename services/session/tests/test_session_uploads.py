"""Uploads hold little memory and leave nothing behind."""

import asyncio
import os

import psutil
import pytest

from quintet_session.job_queue import JobQueue
from quintet_session.store import Append, Lease, NewJob, NewMessage, Role, Scope, Store
from quintet_session.uploads import Cleanups, read_blob
from quintet_testing import eventually

SCOPE = Scope("nexus", "anonymous")
GONE = LookupError("gone")


@pytest.mark.slow
async def test_a_hundred_uploads_at_once_hold_little_memory(store: Store) -> None:
    process = psutil.Process()
    piece = os.urandom(64 << 10)
    cleanups = Cleanups(store)
    await store.write_chunk("warm", 0, piece)
    before = process.memory_info().rss
    peak = before

    async def upload() -> None:
        nonlocal peak
        async with cleanups.upload() as writing:
            for _ in range(48):
                await writing.add(piece)
                peak = max(peak, process.memory_info().rss)
            assert (await writing.finish()).size == 48 * len(piece)
            writing.keep()

    await asyncio.gather(*(upload() for _ in range(100)))
    # Three hundred megabytes go through.
    assert peak - before < 100 << 20


@pytest.mark.parametrize("size", [0, 1, 256 << 10, (256 << 10) + 1, 1_000_003])
async def test_a_blob_is_read_as_it_was_written(store: Store, size: int) -> None:
    data = os.urandom(size)
    async with Cleanups(store).upload() as upload:
        for start in range(0, size, 50_000):
            await upload.add(data[start : start + 50_000])
        blob = await upload.finish()
        upload.keep()
    pieces = [piece async for piece in read_blob(store, blob, 1000, GONE)]  # type: ignore[arg-type]
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= 1000 for piece in pieces)


async def test_an_upload_that_is_cancelled_in_a_write_leaves_nothing(store: Store) -> None:
    cleanups = Cleanups(store)
    started = asyncio.Event()
    blob_ids: list[str] = []

    async def endless() -> None:
        async with cleanups.upload() as upload:
            blob_ids.append(upload._blob_id)
            while True:
                await upload.add(bytes(300_000))
                started.set()

    uploading = [asyncio.create_task(endless()) for _ in range(10)]
    await started.wait()
    for task in uploading:
        task.cancel()
    await asyncio.gather(*uploading, return_exceptions=True)
    await cleanups.close()
    assert len(blob_ids) == 10
    for blob_id in blob_ids:
        for position in range(50):
            assert await store.read_chunk(blob_id, position) is None


async def test_an_upload_that_a_job_took_stays_also_when_its_caller_left(store: Store) -> None:
    cleanups = Cleanups(store)
    async with cleanups.upload() as upload:
        await upload.add(b"input")
        blob = await upload.finish()
        await store.create_job(NewJob("img_1", SCOPE, b"task", blob))
    await cleanups.close()
    assert await store.read_chunk(blob.blob_id, 0) == b"input"


async def test_an_input_stays_when_the_caller_leaves_while_its_job_waits_behind_many_messages(store: Store) -> None:
    cleanups = Cleanups(store)
    queue = JobQueue(store, lease_s=10, max_attempts=3, max_queued=1)
    session_id = (await store.create_session(SCOPE, "")).session.session_id
    stored, congested = asyncio.Event(), asyncio.Event()

    async def create() -> None:
        async with cleanups.upload() as upload:
            await upload.add(bytes(300_000))
            blob = await upload.finish()
            stored.set()
            await congested.wait()
            await queue.create(NewJob("img_1", SCOPE, b"task", blob))
            upload.keep()

    creating = asyncio.create_task(create())
    await stored.wait()
    # More than the writer takes at once, so that the job is in a later batch.
    messages = [
        asyncio.create_task(store.append_messages(SCOPE, session_id, Append((NewMessage(Role.USER, "x"),), str(key))))
        for key in range(450)
    ]
    await asyncio.sleep(0)
    congested.set()
    while not queue._tasks:
        await asyncio.sleep(0)
    creating.cancel()
    await asyncio.gather(creating, *messages, return_exceptions=True)
    await cleanups.close()
    job = await store.claim_job("token")
    assert job is not None
    blob = await store.leased_input(Lease("img_1", "token"))
    assert await store.read_chunk(blob.blob_id, 0) is not None
    await queue.close()


async def test_a_blob_that_is_purged_while_it_is_read_says_so(store: Store) -> None:
    async with Cleanups(store).upload() as upload:
        await upload.add(bytes(600_000))
        blob = await upload.finish()
        upload.keep()
    reading = read_blob(store, blob, 1000, GONE)  # type: ignore[arg-type]
    await anext(reading)
    await store.discard_blob(blob.blob_id)

    async def read_on() -> None:
        async for _ in reading:
            pass

    with pytest.raises(LookupError):
        await read_on()


async def test_a_message_does_not_wait_behind_the_chunks_of_uploads(store: Store) -> None:
    chunks = [asyncio.create_task(store.write_chunk("blob", position, bytes(1 << 20))) for position in range(100)]
    await asyncio.sleep(0)
    await store.create_session(SCOPE, "first")
    assert sum(task.done() for task in chunks) < 50
    await asyncio.gather(*chunks)

    async def all_there() -> bool:
        return await store.read_chunk("blob", 99) is not None

    await eventually(all_there)


async def test_a_removal_is_not_overtaken_by_the_chunks_before_it(store: Store) -> None:
    chunks = [asyncio.create_task(store.write_chunk("blob", position, bytes(1 << 20))) for position in range(40)]
    await asyncio.sleep(0)
    await store.discard_blob("blob")
    await asyncio.gather(*chunks)
    assert [await store.read_chunk("blob", position) for position in range(40)] == [None] * 40
