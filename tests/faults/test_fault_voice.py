"""Spoken conversations whose services are killed, that are interrupted, flooded, left, and ended with the house."""

import asyncio
import base64
import json
import signal
import statistics
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
from framework.cluster import Cluster, launch, running
from framework.metrics import engine_active, sample_sum, scrape
from framework.omni import Talk, kept_messages, new_key, talking
from framework.process_tree import alive, descendants, pss_mib
from framework.spoken import RATE_HZ, pieces, samples_of, spoken
from framework.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

RESTARTED_WITHIN_S = 30.0
TOLD_WITHIN_S = 1.0
INTERRUPTIONS = 20
INTERRUPTED_WITHIN_S = 0.25
WHOLE = " ".join(f"w{number}" for number in range(60))
# So slow that an answer is in the making for seconds.
SLOW = "interval_ms=50"
FLOOD_S, FLOOD_HZ = 3, 1000
FLOOD_MIB = 64
SOCKETS = 10


@pytest.fixture(scope="module")
def question(grounded):
    """A question of about two seconds with a second of silence behind it, as float samples."""
    return samples_of(spoken(grounded, "What is seven times eight?"))


@pytest.fixture(scope="module")
def speech(question):
    """The question without the silence."""
    return question[: -round(0.9 * RATE_HZ)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("voices")) as started:
        yield started


def serving(cluster: Cluster, name: str) -> bool:
    with cluster.client() as client:
        return client.get("/health").json()["services"][name] == "serving"


async def back(cluster: Cluster, name: str, old_pid: int, killed_at: float) -> None:
    await asyncio.to_thread(cluster.wait_restarted, name, old_pid, RESTARTED_WITHIN_S)
    # The gateway remembers for a second how its services are.
    probe = lambda: time.monotonic() - killed_at > 1.5 and serving(cluster, name)  # noqa: E731 - read once
    await asyncio.to_thread(wait_until, probe, RESTARTED_WITHIN_S, f"{name} serving", 0.05)


async def at_work(cluster: Cluster, service: str) -> None:
    await asyncio.to_thread(wait_until, lambda: engine_active(cluster, service) >= 1, 20, f"{service} at work")


async def reach(talk: Talk, cluster: Cluster, name: str, question: np.ndarray, speech: np.ndarray) -> None:
    """Brings a conversation to a point at which it needs the service."""
    if name == "stt":
        await talk.say(speech)
        await talk.until(lambda frame: frame.get("is_speech", False))
    else:
        await talk.say(question)
        await at_work(cluster, name)


@pytest.mark.parametrize("stream", ["false", "true"], ids=["documented", "streamed"])
@pytest.mark.parametrize("name", ["stt", "llm", "tts"])
async def test_killed_service_is_an_error_and_the_conversation_goes_on(cluster, question, speech, name, stream):
    async with talking(cluster, new_key(cluster), SLOW, stream=stream) as talk:
        await reach(talk, cluster, name, question, speech)
        old, killed_at = cluster.kill(name), time.monotonic()
        await talk.until_type("error")
        told_s = time.monotonic() - killed_at
        await back(cluster, name, old, killed_at)
        before = len(talk.frames)
        await talk.say(question)
        response = await talk.until_type("response")
        answered_s = time.monotonic() - killed_at
        assert response["text"] == WHOLE
        errors = [frame["error"] for frame in talk.frames if frame["type"] == "error"]
        print(f"{name} killed ({old}): told after {told_s:.2f} s ({errors}), answered again after {answered_s:.1f} s")
        assert "error" not in [frame["type"] for frame in talk.frames[before:]]
        assert len(errors) == 1
        assert told_s < TOLD_WITHIN_S


def sound_s(frames: list[dict]) -> float:
    chunks = [frame["audio_base64"] for frame in frames if frame["type"] == "response_chunk" and frame["text"] == ""]
    return sum(len(base64.b64decode(chunk)) for chunk in chunks) / 48_000


def engines_at_work(cluster: Cluster) -> float:
    return engine_active(cluster, "llm") + engine_active(cluster, "tts")


async def test_twenty_interruptions(cluster, question):
    stopped, idle = [], []
    async with talking(cluster, new_key(cluster), SLOW, stream="true") as talk:
        session = (await talk.until_type("connected"))["session_id"]
        await talk.say(question)
        for _ in range(INTERRUPTIONS):
            begun = len(talk.frames)
            await talk.until(lambda _, begun=begun: sound_s(talk.frames[begun:]) > 0.8)
            assert engines_at_work(cluster) >= 1
            stopped_s, idle_s = await interrupt(talk, cluster, question[:RATE_HZ])
            stopped.append(stopped_s)
            idle.append(idle_s)
            quiet = len(talk.frames)
            # The rest of the sentence: it is the next question.
            await talk.say(question[RATE_HZ:])
            await talk.until(lambda frame: frame == {"type": "status", "status": "processing"})
            assert "response_chunk" not in [frame["type"] for frame in talk.frames[quiet:]], "sound after its end"
    kept = await asyncio.to_thread(wait_until, lambda: said_in(cluster, session), 10, "the answers")
    for times, what in ((stopped, "sound stopped"), (idle, "engines idle")):
        print(f"{what} after p50 {statistics.median(times) * 1000:.0f} ms, worst {max(times) * 1000:.0f} ms")
    print(f"history: {kept[:3]} ...")
    assert all(0 < len(said) < len(WHOLE) / 2 and WHOLE.startswith(said.rstrip()) for said in kept)
    assert max(stopped) < INTERRUPTED_WITHIN_S
    assert max(idle) < INTERRUPTED_WITHIN_S


async def interrupt(talk: Talk, cluster: Cluster, speech: np.ndarray) -> tuple[float, float]:
    """Speaks into the answer; returns how long sound still came after it was sent, and engines worked, in seconds."""
    began = time.monotonic()
    await talk.say(speech)
    await talk.until(lambda frame: frame == {"type": "status", "status": "interrupted"})
    stopped_s = time.monotonic() - began
    await asyncio.to_thread(wait_until, lambda: engines_at_work(cluster) == 0, 5, "idle engines")
    return stopped_s, time.monotonic() - began


def said_in(cluster: Cluster, session: str) -> list[str]:
    """Returns the interrupted answers in the history, once all are there."""
    kept = kept_messages(cluster, session)
    said = [text for role, text in kept if role == "assistant"]
    return said[:INTERRUPTIONS] if len(said) >= INTERRUPTIONS else []


async def answer_s(cluster: Cluster, key: str, question: np.ndarray) -> float:
    """Returns how long a spoken question waits for its answer."""
    async with talking(cluster, key, "text=yes") as talk:
        await talk.until_type("connected")
        began = time.monotonic()
        await talk.say(question)
        await talk.until_type("response")
        return time.monotonic() - began


def memory_mib(cluster: Cluster, name: str) -> float:
    pid = cluster.pids()[name]
    return pss_mib([pid, *(process.pid for process in descendants(pid))])


@pytest.mark.parametrize("what", ["noise", "speech"])
async def test_flood_is_held_back_and_disturbs_nobody(cluster, question, what):
    key = new_key(cluster)
    noise = np.random.default_rng(5).normal(0, 0.001, len(question)).astype("<f4")
    chunks = chunks_of(noise if what == "noise" else question)
    quiet = [await answer_s(cluster, key, question) for _ in range(3)]
    before = {name: memory_mib(cluster, name) for name in ("gateway", "stt")}
    async with talking(cluster, key) as flooding:
        await flooding.until_type("connected")
        reader = asyncio.create_task(read_all(flooding))
        sent, took_s, others, most = await flood(flooding, chunks, cluster, question)
        answered = await asyncio.wait_for(reader, 120)
    grown = {name: most[name] - before[name] for name in before}
    print(
        f"{sent} chunks of {what} sent in {took_s:.1f} s, {answered} answered; others waited "
        f"{statistics.median(quiet):.2f} s before and {statistics.median(others):.2f} s meanwhile, {max(others):.2f} s "
        f"at most; grown by {grown['gateway']:.0f} MiB (gateway) and {grown['stt']:.0f} MiB (stt)"
    )
    assert answered == sent
    assert max(grown.values()) < FLOOD_MIB
    assert statistics.median(others) < max(2.0, 5 * statistics.median(quiet))


async def read_all(talk: Talk) -> int:
    """Counts the answers to chunks until there are as many as chunks."""
    answered = 0

    def is_last(frame: dict) -> bool:
        nonlocal answered
        answered += frame["type"] == "vad_status"
        return answered == FLOOD_S * FLOOD_HZ

    await talk.until(is_last)
    return answered


def chunks_of(samples: np.ndarray) -> list[str]:
    return [
        json.dumps({"type": "audio_chunk", "data": base64.b64encode(piece).decode(), "sample_rate": RATE_HZ})
        for piece in pieces(samples, 0.032)
    ]


async def flood(
    talk: Talk, chunks: list[str], cluster: Cluster, question: np.ndarray
) -> tuple[int, float, list[float], dict[str, float]]:
    """Sends chunks again and again, 1,000 a second or as fast as they are taken; measures beside it."""
    key, done = new_key(cluster), asyncio.Event()
    most = {"gateway": 0.0, "stt": 0.0}
    others: list[float] = []

    async def ask_beside() -> None:
        while not done.is_set():
            others.append(await answer_s(cluster, key, question))

    async def weigh_beside() -> None:
        while not done.is_set():
            for name, known in most.items():
                most[name] = max(known, await asyncio.to_thread(memory_mib, cluster, name))
            await asyncio.sleep(0.2)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask_beside())
        tasks.create_task(weigh_beside())
        began, sent = time.monotonic(), 0
        while sent < FLOOD_S * FLOOD_HZ:
            await talk.socket.send_str(chunks[sent % len(chunks)])
            sent += 1
            await asyncio.sleep(max(0.0, began + sent / FLOOD_HZ - time.monotonic()))
        took_s = time.monotonic() - began
        done.set()
    return sent, took_s, others, most


async def test_those_who_connect_and_leave_leave_nothing(cluster, question):
    key = new_key(cluster)

    async def leave(number: int) -> None:
        async with talking(cluster, key, SLOW, stream="true") as talk:
            await talk.say(question if number % 4 == 0 else question[:RATE_HZ])
            if number % 4 == 0:
                await talk.until_type("status")
                assert streams_open(cluster) >= 1
                assert sockets_open(cluster) >= 1
            talk.socket._response.connection.transport.abort()

    async def leave_all(count: int) -> None:
        for start in range(0, count, 10):
            await asyncio.gather(*(leave(start + number) for number in range(10)))

    await leave_all(20)
    await asyncio.to_thread(wait_until, lambda: is_at_rest(cluster), 20, "rest")
    files = cluster.open_files()
    await leave_all(200)
    await asyncio.to_thread(wait_until, lambda: is_at_rest(cluster), 20, "rest")
    await asyncio.to_thread(
        wait_until, lambda: all(now - files[name] <= 5 for name, now in cluster.open_files().items()), 20, "files"
    )
    print(f"200 have left; files before {files}, after {cluster.open_files()}")


def streams_open(cluster: Cluster) -> float:
    return sample_sum(scrape(cluster, "stt"), "quintet_speech_streams_active")


def sockets_open(cluster: Cluster) -> float:
    return sample_sum(scrape(cluster, "gateway"), "quintet_websockets_active", surface="omni")


def is_at_rest(cluster: Cluster) -> bool:
    return not (streams_open(cluster) or sockets_open(cluster) or engines_at_work(cluster))


@pytest.fixture
def ending(tmp_path) -> AsyncIterator[Cluster]:
    started = launch(tmp_path, "--engines", "scripted", "--limits", "off")
    try:
        started.wait_ready()
        yield started
    finally:
        started.abandon()


async def test_sigterm_ends_voice_sockets_in_order(ending, question):
    """Some are silent, some speak, some are being answered: these hear their answers first."""
    key = new_key(ending)
    tree = descendants(ending.process.pid)
    async with asyncio.TaskGroup() as tasks:
        begun = [asyncio.Event() for _ in range(SOCKETS)]
        signalled = asyncio.Event()
        talks = [
            tasks.create_task(until_the_end(ending, key, question, number, begun[number], signalled=signalled))
            for number in range(SOCKETS)
        ]
        for event in begun:
            async with asyncio.timeout(60):
                await event.wait()
        await asyncio.to_thread(wait_until, lambda: engine_active(ending, "llm") >= 1, 20, "answers in the making")
        ending.process.send_signal(signal.SIGTERM)
        sent_at = time.monotonic()
        signalled.set()
    found = [talk.result() for talk in talks]
    code = await asyncio.to_thread(ending.process.wait, 30)
    print(f"closed with {[one for one, _ in found]}, exit code {code} after {time.monotonic() - sent_at:.1f} s")
    assert code == 0, ending.log_tail()
    assert not alive(tree)
    assert [one for one, _ in found] == [1001] * SOCKETS
    answers = [types.count("response") for number, (_, types) in enumerate(found) if number % 3 == 0]
    assert answers == [1] * len(answers)


async def until_the_end(
    cluster: Cluster, key: str, question: np.ndarray, number: int, begun: asyncio.Event, *, signalled: asyncio.Event
) -> tuple[int | None, list[str]]:
    async with talking(cluster, key, "interval_ms=40") as talk:
        await talk.until_type("connected")
        if number % 3 == 0:
            await talk.say(question)
            await talk.until_type("status")
        elif number % 3 == 1:
            await talk.say(question[:RATE_HZ])
        begun.set()
        await signalled.wait()
        return await talk.closed(), talk.types()
