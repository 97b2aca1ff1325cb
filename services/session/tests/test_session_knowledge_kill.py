"""A collection is whole, the old one or the new one, after `kill -9` of the real process in the middle of a build."""

import asyncio
import random
import signal
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from session_processes import Running, service_process

from quintet.knowledge.v1 import knowledge_service_pb2 as pb
from quintet.knowledge.v1 import knowledge_service_pb2_grpc as rpc
from quintet_testing import eventually

DOCUMENTS = 30
CHUNKS = 8


async def build(stub: rpc.KnowledgeServiceStub, state: str, calls: asyncio.Queue[int]) -> None:
    """Makes a build in which all documents but one in five are new; `calls` gets a number for each call begun."""

    async def count() -> None:
        await calls.put(calls.qsize())

    await count()
    begun = await stub.BeginBuild(pb.BeginBuildRequest(collection="c", embedding_model="m"))
    digests = [f"kept {number}" if number % 5 == 0 else f"{state} {number}" for number in range(DOCUMENTS)]
    documents = [pb.Document(source=str(number), digest=digest) for number, digest in enumerate(digests)]
    await count()
    attach = pb.AttachDocumentsRequest(build_id=begun.build_id, documents=documents)
    for digest in (await stub.AttachDocuments(attach)).missing_digests:
        for first in range(0, CHUNKS, 4):
            chunks = [
                pb.Chunk(text=f"apple {digest} {index}", vector=np.eye(16)[index]) for index in range(first, first + 4)
            ]
            await count()
            await stub.AddChunks(
                pb.AddChunksRequest(
                    build_id=begun.build_id,
                    digest=digest,
                    first_index=first,
                    chunks=chunks,
                    complete=first + 4 == CHUNKS,
                )
            )
    await count()
    await stub.CommitBuild(pb.CommitBuildRequest(build_id=begun.build_id))


async def state_of(stub: rpc.KnowledgeServiceStub) -> str:
    """Returns which state searches see, after a check that they see all of it and nothing else."""
    collection = (await stub.GetCollection(pb.GetCollectionRequest(name="c"))).collection
    assert (collection.document_count, collection.chunk_count) == (DOCUMENTS, DOCUMENTS * CHUNKS)
    states = set()
    for index in range(CHUNKS):
        request = pb.SearchRequest(query="apple", vector=np.eye(16)[index], embedding_model="m", top_k=100)
        results = (await stub.Search(request)).results
        assert len(results) == 100
        mine = [result for result in results if result.similarity == 1]
        assert {result.source for result in mine} == {str(number) for number in range(DOCUMENTS)}
        assert {result.chunk_index for result in mine} == {index}
        states.update(result.chunk.text.split()[1] for result in results)
    (state,) = states - {"kept"}
    return state


@pytest.mark.faults
async def test_a_collection_is_the_old_or_the_new_one_whenever_the_process_is_killed(tmp_path: Path) -> None:
    dice = random.Random(1)
    all_calls = 3 + 2 * (DOCUMENTS - DOCUMENTS // 5)
    possible = {"0"}
    for life in range(1, 4):
        async with service_process(tmp_path) as running:
            stub = rpc.KnowledgeServiceStub(running.channel)
            if life == 1:
                await build(stub, "0", asyncio.Queue())
            state = await state_of(stub)
            assert state in possible
            # The even lives end with the commit on its way, the others somewhere before.
            commits = life % 2 == 0
            finished = await kill_in_build(
                running, stub, str(life), all_calls if commits else dice.randrange(all_calls)
            )
            possible = {str(life)} if finished else {state, str(life)} if commits else {state}
    async with service_process(tmp_path) as running:
        assert await state_of(rpc.KnowledgeServiceStub(running.channel)) in possible
    connection = sqlite3.connect(tmp_path / "quintet.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def kill_in_build(running: Running, stub: rpc.KnowledgeServiceStub, state: str, last: int) -> bool:
    """Kills the process once so many calls of a build have begun, and tells whether the build was answered."""
    calls: asyncio.Queue[int] = asyncio.Queue()
    building = asyncio.create_task(build(stub, state, calls))

    async def begun() -> bool:
        return calls.qsize() >= last

    await eventually(begun)
    assert await running.kill() == -signal.SIGKILL
    return (await asyncio.gather(building, return_exceptions=True))[0] is None
