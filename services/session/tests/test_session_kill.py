"""Acknowledged writes survive `kill -9` of the real process."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from session_processes import service_process

from quintet.jobs.v1 import job_service_pb2 as jobs_pb
from quintet.jobs.v1 import job_service_pb2_grpc as jobs_rpc
from quintet.session.v1 import session_service_pb2 as pb
from quintet.session.v1 import session_service_pb2_grpc as rpc

SCOPE = pb.Scope(surface="nexus", owner="anonymous")
WRITERS = 64


async def write_until_killed(
    stub: rpc.SessionServiceStub,
    session_id: str,
    writer: str,
    acknowledged: dict[str, dict[str, int]],
    enough: asyncio.Event,
) -> None:
    number = 0
    while True:
        text = f"{writer}:{number}"
        request = pb.AppendMessagesRequest(
            scope=SCOPE,
            session_id=session_id,
            messages=[pb.Message(role=pb.Message.ROLE_USER, content=text)],
            idempotency_key=text,
        )
        try:
            response = await stub.AppendMessages(request, timeout=5)
        except grpc.aio.AioRpcError:
            return
        acknowledged[session_id][text] = response.messages[0].sequence
        number += 1
        if sum(map(len, acknowledged.values())) > 1500:
            enough.set()


def stored_messages(folder: Path) -> dict[str, list[tuple[int, str]]]:
    connection = sqlite3.connect(folder / "quintet.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = defaultdict(list)
    for session_id, sequence, content in connection.execute(
        "SELECT session_id, sequence, content FROM messages JOIN sessions USING (session_key) ORDER BY sequence"
    ):
        found[session_id].append((sequence, content))
    connection.close()
    return found


@pytest.mark.faults
async def test_acknowledged_messages_survive_kills_once_and_in_order(tmp_path: Path) -> None:
    acknowledged: dict[str, dict[str, int]] = defaultdict(dict)
    for life in range(3):
        async with service_process(tmp_path) as running:
            stub = rpc.SessionServiceStub(running.channel)
            sessions = [
                (await stub.CreateSession(pb.CreateSessionRequest(scope=SCOPE))).session.session_id for _ in range(4)
            ]
            mine: dict[str, dict[str, int]] = defaultdict(dict)
            enough = asyncio.Event()
            writing = [
                asyncio.create_task(write_until_killed(stub, sessions[writer % 4], f"{life}.{writer}", mine, enough))
                for writer in range(WRITERS)
            ]
            await asyncio.wait_for(enough.wait(), 30)
            assert await running.kill() == -signal.SIGKILL
            await asyncio.gather(*writing)
            acknowledged.update(mine)
    stored = stored_messages(tmp_path)
    assert sum(map(len, acknowledged.values())) > 4500
    for session_id, messages in stored.items():
        assert [sequence for sequence, _ in messages] == list(range(1, len(messages) + 1))
        by_text = {content: sequence for sequence, content in messages}
        assert len(by_text) == len(messages)
        for text, sequence in acknowledged[session_id].items():
            assert by_text[text] == sequence
    for session_id in acknowledged:
        assert session_id in stored


async def job_messages(data: bytes, sent: asyncio.Event | None = None) -> AsyncIterator[jobs_pb.CreateJobRequest]:
    """Yields the upload of a job; with `sent`, which is set after the data, it never ends."""
    task = jobs_pb.JobTask(kind=jobs_pb.JobTask.KIND_TRANSCRIPTION)
    yield jobs_pb.CreateJobRequest(config=jobs_pb.CreateJobConfig(scope=SCOPE, task=task, id_prefix="voice"))
    for start in range(0, len(data), 1 << 16):
        yield jobs_pb.CreateJobRequest(input=data[start : start + (1 << 16)])
    if sent is not None:
        sent.set()
        await asyncio.Event().wait()


@pytest.mark.faults
async def test_an_accepted_job_is_there_with_its_input_after_a_kill_in_the_middle_of_another_upload(
    tmp_path: Path,
) -> None:
    data = os.urandom(1 << 20)
    sent = asyncio.Event()
    async with service_process(tmp_path) as running:
        jobs = jobs_rpc.JobServiceStub(running.channel)
        accepted = (await jobs.CreateJob(job_messages(data))).job
        claimed = await jobs.ClaimJob(jobs_pb.ClaimJobRequest(worker_id="w"))
        broken = jobs.CreateJob(job_messages(data, sent))
        await sent.wait()
        await running.kill()
        with pytest.raises(grpc.aio.AioRpcError):
            await broken
    async with service_process(tmp_path) as running:
        jobs = jobs_rpc.JobServiceStub(running.channel)
        reading = jobs_pb.ReadJobInputRequest(job_id=accepted.job_id, lease_token=claimed.lease_token)
        assert b"".join([response.chunk async for response in jobs.ReadJobInput(reading)]) == data
        renewal = jobs_pb.RenewJobRequest(job_id=accepted.job_id, lease_token=claimed.lease_token, progress_percent=5)
        assert not (await jobs.RenewJob(renewal)).cancelled
        assert await running.stop() == 0
    connection = sqlite3.connect(tmp_path / "quintet.db")
    assert connection.execute("SELECT count(DISTINCT blob_id) FROM chunks").fetchone() == (1,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.slow
async def test_a_damaged_database_ends_the_process_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "quintet.db").write_bytes(b"no database" * 1000)
    environment = {
        **os.environ,
        "QUINTET_SESSION_LISTEN_ADDR": "127.0.0.1:0",
        "QUINTET_SESSION_DATA_DIR": str(tmp_path),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "quintet_session", stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert b"is damaged" in errors
    assert b"Traceback" not in errors
