"""How long a disk may be silent."""

import asyncio
import os
import threading

import pytest
from scripted_knowledge import ScriptedEmbedding, ScriptedKnowledge, opened

from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.knowledge import IndexRequest, roots
from quintet_gateway.assistant.knowledge.disk import Disk
from quintet_testing import eventually


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def disk():
    disk = Disk(1, silent_s=0.1)
    yield disk
    disk.close()


async def test_answers_and_failures_come_through(disk):
    assert await disk.ask(lambda: 7) == 7
    with pytest.raises(OSError, match="Gone"):
        await disk.ask(failing)


def failing():
    raise OSError("Gone.")


async def test_work_that_goes_on_may_take_long(disk, gate):
    marks = []

    def mark():
        marks.append(len(marks))
        if len(marks) == 6:
            gate.set()
        return len(marks)

    assert await disk.ask(gate.wait, mark) is True
    assert len(marks) >= 6


async def test_silence_is_an_error_and_what_was_not_begun_is_not_done(disk, gate):
    done = []
    for work in (gate.wait, lambda: done.append(1)):
        with pytest.raises(DomainError) as caught:
            await disk.ask(work)
        assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
    gate.set()
    assert await disk.ask(lambda: "well") == "well"
    assert done == []


async def test_who_leaves_leaves_no_work_behind(disk, gate):
    done = []
    begun = threading.Event()

    def wait():
        begun.set()
        gate.wait()

    patient = Disk(1, silent_s=60)
    working = asyncio.create_task(patient.ask(wait))

    async def has_begun():
        return begun.is_set()

    await eventually(has_begun)
    leaving = asyncio.create_task(patient.ask(lambda: done.append(1)))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    gate.set()
    await working
    assert await patient.ask(lambda: "well") == "well"
    assert done == []
    patient.close()


class Stuck:
    """A disk of which `call` does not answer until it is let go."""

    def __init__(self, monkeypatch, call, path):
        self.answers = threading.Event()
        self._call = getattr(os, call)
        self._path = str(path)
        monkeypatch.setattr(roots.os, call, self)

    def __call__(self, path, *args, **options):
        if path == self._path:
            assert self.answers.wait(60)
        return self._call(path, *args, **options)


async def test_a_disk_that_never_answers_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "a.md").write_text("The wick.")
    store = ScriptedKnowledge()
    async with opened(store, ScriptedEmbedding(), tmp_path, silent_s=0.2) as knowledge:
        disk = Stuck(monkeypatch, "open", tmp_path)
        # Twice as many as there are threads.
        for number in range(4):
            with pytest.raises(DomainError, match="does not answer") as caught:
                await knowledge.index(IndexRequest(".", f"c{number}"))
            assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
        assert knowledge.progress() == []
        # The folders themselves are well.
        assert (await knowledge.state()).validation_errors == ()
        disk.answers.set()
        assert (await knowledge.index(IndexRequest(".", "all"))).document_count == 1
    assert store.aborted == []


async def test_the_state_waits_for_no_disk(tmp_path, monkeypatch):
    store = ScriptedKnowledge()
    async with opened(store, ScriptedEmbedding(), tmp_path, silent_s=0.2) as knowledge:
        disk = Stuck(monkeypatch, "access", tmp_path)
        for _ in range(3):
            state = await knowledge.state()
            assert state.validation_errors == ("The disk that holds the documents does not answer.",)
        disk.answers.set()

        async def is_well():
            return not (await knowledge.state()).validation_errors

        await eventually(is_well)
