"""What every `Store` must do with jobs and their bytes."""

import asyncio
import uuid

from refusals import reason_of
from store_fixtures import Stores

from quintet_errors import Reason
from quintet_session.store import Blob, JobFailure, JobRecord, JobState, Lease, NewJob, Scope, Store

SCOPE = Scope("nexus", "anonymous")
FAILURE = JobFailure("ENGINE_FAILED", "It broke off three times.")


async def put(store: Store, *chunks: bytes) -> Blob:
    blob_id = uuid.uuid4().hex
    for position, chunk in enumerate(chunks):
        await store.write_chunk(blob_id, position, chunk)
    return Blob(blob_id, sum(map(len, chunks)))


async def create(store: Store, job_id: str = "img_1", *chunks: bytes, scope: Scope = SCOPE) -> JobRecord:
    return await store.create_job(NewJob(job_id, scope, b"task", await put(store, *chunks)))


async def claim(store: Store, token: str = "one") -> tuple[JobRecord, Lease]:  # noqa: S107 - a token of a made-up worker
    job = await store.claim_job(token)
    assert job is not None
    return job, Lease(job.job_id, token)


async def release(store: Store, lease: Lease, *, count_attempt: bool = True) -> JobRecord:
    return await store.release_job(lease, count_attempt=count_attempt, last_attempt=3, failure=FAILURE)


async def test_a_job_lives_from_queued_to_completed(store: Store) -> None:
    created = await create(store, "img_1", b"abc", b"de")
    assert (created.state, created.progress_percent, created.attempt_count) == (JobState.QUEUED, 0, 0)
    assert (created.task, created.input_bytes, created.finish_us) == (b"task", 5, None)
    claimed, lease = await claim(store)
    assert (claimed.state, claimed.attempt_count) == (JobState.RUNNING, 1)
    source = await store.leased_input(lease)
    assert [await store.read_chunk(source.blob_id, position) for position in range(3)] == [b"abc", b"de", None]
    assert (await store.record_progress(lease, 40)).progress_percent == 40
    assert (await store.record_progress(lease, 30)).progress_percent == 40
    result = await put(store, b"result")
    ended = await store.finish_job(lease, result)
    assert (ended.state, ended.progress_percent, ended.result) == (JobState.COMPLETED, 100, result)
    assert ended == await store.get_job(SCOPE, "img_1")
    assert created.revision < claimed.revision < ended.revision


async def test_a_failed_job_keeps_its_reason_and_its_progress(store: Store) -> None:
    await create(store)
    _, lease = await claim(store)
    await store.record_progress(lease, 99)
    ended = await store.finish_job(lease, FAILURE)
    assert (ended.state, ended.failure, ended.progress_percent) == (JobState.FAILED, FAILURE, 99)
    assert ended.result is None


async def test_jobs_of_other_scopes_do_not_exist(store: Store) -> None:
    await create(store)
    for other in (Scope("nexus", "someone"), Scope("omni", "anonymous")):
        assert await reason_of(store.get_job(other, "img_1")) is Reason.JOB_NOT_FOUND
        assert await reason_of(store.cancel_job(other, "img_1")) is Reason.JOB_NOT_FOUND


async def test_jobs_are_claimed_in_their_order_and_once_each(store: Store) -> None:
    for number in range(30):
        await create(store, f"img_{number}")
    claimed = await asyncio.gather(*(store.claim_job(f"token{number}") for number in range(40)))
    assert [job.job_id for job in claimed if job] == [f"img_{number}" for number in range(30)]
    assert claimed[30:] == [None] * 10


async def test_a_job_that_is_taken_back_is_first_in_line_again_and_fails_at_last(store: Store) -> None:
    await create(store, "img_1")
    await create(store, "img_2")
    for attempt in (1, 2):
        job, lease = await claim(store, f"token{attempt}")
        assert (job.job_id, job.attempt_count) == ("img_1", attempt)
        assert (await release(store, lease)).state is JobState.QUEUED
        assert await reason_of(store.record_progress(lease, 1)) is Reason.LEASE_LOST
    job, lease = await claim(store, "token3")
    ended = await release(store, lease)
    assert (ended.job_id, ended.state, ended.failure) == ("img_1", JobState.FAILED, FAILURE)
    assert ended.progress_percent < 100
    assert (await claim(store))[0].job_id == "img_2"


async def test_an_undone_claim_is_no_attempt(store: Store) -> None:
    await create(store)
    for _ in range(5):
        job, lease = await claim(store)
        assert job.attempt_count == 1
        assert (await release(store, lease, count_attempt=False)).attempt_count == 0


async def test_another_workers_token_opens_nothing(store: Store) -> None:
    await create(store, "img_1", b"secret")
    await claim(store, "right")
    wrong = Lease("img_1", "wrong")
    result = await put(store, b"forged")
    for call in (
        store.leased_input(wrong),
        store.record_progress(wrong, 50),
        store.finish_job(wrong, result),
        release(store, wrong),
    ):
        assert await reason_of(call) is Reason.LEASE_LOST
    assert await reason_of(store.finish_job(Lease("img_9", "right"), result)) is Reason.JOB_NOT_FOUND
    assert (await store.get_job(SCOPE, "img_1")).progress_percent == 0


async def test_a_late_finish_after_the_job_went_to_another_worker_is_refused(store: Store) -> None:
    await create(store)
    _, first = await claim(store, "first")
    await release(store, first)
    _, second = await claim(store, "second")
    assert await reason_of(store.finish_job(first, await put(store, b"late"))) is Reason.LEASE_LOST
    result = await put(store, b"good")
    assert (await store.finish_job(second, result)).result == result
    assert await reason_of(store.finish_job(first, await put(store, b"later"))) is Reason.LEASE_LOST


async def test_a_repeated_finish_changes_nothing(store: Store) -> None:
    await create(store)
    _, lease = await claim(store)
    first = await store.finish_job(lease, await put(store, b"one"))
    assert await store.finish_job(lease, await put(store, b"two")) == first
    assert await store.finish_job(lease, FAILURE) == first
    assert await reason_of(store.record_progress(lease, 50)) is Reason.JOB_STATE_CONFLICT
    assert await reason_of(store.leased_input(lease)) is Reason.LEASE_LOST


async def test_a_cancelled_job_is_never_claimed_and_its_worker_learns_of_it(store: Store) -> None:
    await create(store, "img_1")
    await create(store, "img_2")
    assert (await store.cancel_job(SCOPE, "img_1")).state is JobState.CANCELLED
    job, lease = await claim(store)
    assert job.job_id == "img_2"
    cancelled = await store.cancel_job(SCOPE, "img_2")
    assert await store.cancel_job(SCOPE, "img_2") == cancelled
    assert (await store.record_progress(lease, 50)).state is JobState.CANCELLED
    assert await reason_of(store.finish_job(lease, FAILURE)) is Reason.JOB_STATE_CONFLICT
    assert await reason_of(release(store, lease)) is Reason.LEASE_LOST
    assert await store.claim_job("other") is None


async def test_an_ended_job_cannot_be_cancelled(store: Store) -> None:
    await create(store)
    _, lease = await claim(store)
    await store.finish_job(lease, FAILURE)
    assert await reason_of(store.cancel_job(SCOPE, "img_1")) is Reason.JOB_STATE_CONFLICT


async def test_discard_spares_what_a_job_holds(store: Store) -> None:
    await create(store, "img_1", b"input")
    _, lease = await claim(store)
    source = await store.leased_input(lease)
    result = await put(store, b"result")
    stray = await put(store, b"stray")
    await store.finish_job(lease, result)
    for blob in (source, result, stray):
        await store.discard_blob(blob.blob_id)
    assert await store.read_chunk(source.blob_id, 0) == b"input"
    assert await store.read_chunk(result.blob_id, 0) == b"result"
    assert await store.read_chunk(stray.blob_id, 0) is None


async def test_queue_and_leases_are_there_after_a_restart(stores: Stores) -> None:
    store = await stores.open()
    for number in range(3):
        await create(store, f"img_{number}", b"input")
    _, lease = await claim(store)
    store = await stores.open()
    assert list(await store.queued_jobs()) == ["img_1", "img_2"]
    assert list(await store.running_leases()) == [lease]
    assert await store.read_chunk((await store.leased_input(lease)).blob_id, 0) == b"input"


async def test_purge_removes_only_what_nobody_needs(stores: Stores) -> None:
    store = await stores.open()
    await create(store, "old", b"input")
    _, lease = await claim(store)
    source = await store.leased_input(lease)
    result = await put(store, b"result")
    await store.finish_job(lease, result)
    stores.clock.jump(3600)
    await create(store, "waiting", b"kept")
    while await store.purge_step(stores.clock.now_us - int(7200e6)):
        pass
    assert await store.read_chunk(source.blob_id, 0) is None
    assert await store.read_chunk(result.blob_id, 0) == b"result"
    assert (await store.get_job(SCOPE, "old")).input_bytes == 5
    while await store.purge_step(stores.clock.now_us - int(1800e6)):
        pass
    assert await reason_of(store.get_job(SCOPE, "old")) is Reason.JOB_NOT_FOUND
    assert await store.read_chunk(result.blob_id, 0) is None
    _, lease = await claim(store)
    assert await store.read_chunk((await store.leased_input(lease)).blob_id, 0) == b"kept"


async def test_uploads_that_broke_off_with_the_process_are_purged_and_new_ones_are_not(stores: Stores) -> None:
    store = await stores.open()
    orphan = await put(store, b"a", b"b")
    await create(store, "img_1", b"held")
    store = await stores.open()
    arriving = await put(store, b"arriving")
    while await store.purge_step(0):
        pass
    assert await store.read_chunk(orphan.blob_id, 0) is None
    assert await store.read_chunk(orphan.blob_id, 1) is None
    assert await store.read_chunk(arriving.blob_id, 0) == b"arriving"
    _, lease = await claim(store)
    assert await store.read_chunk((await store.leased_input(lease)).blob_id, 0) == b"held"
