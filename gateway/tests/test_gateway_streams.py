"""The word stream, byte by byte: what is in each write, when it leaves, and how it ends."""

import asyncio
import json
import socket
import time

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from quintet_errors import DomainError, Reason
from quintet_gateway.dialects.nexus.words import WordEvents, WordSplitter
from quintet_gateway.http.batches import Batches
from quintet_gateway.http.drain import DRAIN, Drain
from quintet_gateway.http.sse import MAX_WRITE_BYTES, EventRelay, join_events
from quintet_testing import eventually

BODY = json.dumps({"message": "x"}).encode()
REQUEST = (
    b"POST /api/process/text HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
) + BODY


async def read_chunk(reader):
    size = int(await reader.readline(), 16)
    data = await reader.readexactly(size)
    assert await reader.readexactly(2) == b"\r\n"
    return data


async def read_chunks(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    chunks = []
    while chunk := await read_chunk(reader):
        chunks.append(chunk)
    return head, chunks


def frames_of(data):
    return [json.loads(event.removeprefix(b"data: ")) for event in data.split(b"\n\n") if event.startswith(b"data: ")]


async def test_every_write_holds_whole_events_of_at_most_a_kibibyte(client, assistant, send_raw):
    text = " ".join(f"word{number}é🙂" for number in range(300)) + "\n\nnew line  two spaces "
    assistant.chat.deltas = [text]
    reader, writer = await send_raw(client, REQUEST, finish=False)
    head, chunks = await read_chunks(reader)
    writer.close()
    assert b"200 OK" in head
    assert b"Content-Type: text/event-stream\r\n" in head
    assert b"Cache-Control: no-cache" in head
    assert b"X-Accel-Buffering: no" in head
    assert b"Content-Encoding" not in head
    assert len(chunks) < 60, "what is ready together shares a write"
    for chunk in chunks:
        assert chunk.isascii()
        assert chunk.startswith(b"data: ")
        assert chunk.endswith(b"}\n\n")
        assert len(chunk) <= MAX_WRITE_BYTES
    frames = frames_of(b"".join(chunks))
    assert "".join(frame["word"] for frame in frames) == text
    assert chunks[-1].endswith(b'data: {"word": "", "complete": true}\n\n')


async def test_first_words_leave_before_the_answer_is_complete(client, assistant, send_raw):
    assistant.chat.release.clear()
    assistant.chat.deltas = ["one two thr"]
    reader, writer = await send_raw(client, REQUEST, finish=False)
    async with asyncio.timeout(5):
        await reader.readuntil(b"\r\n\r\n")
        words = frames_of(await read_chunk(reader))
    assert [frame["word"] for frame in words] == ["one", " two"]
    assistant.chat.release.set()
    async with asyncio.timeout(5):
        rest = await read_chunk(reader)
    writer.close()
    assert [frame["word"] for frame in frames_of(rest)] == [" thr", ""]


async def test_failure_in_the_middle_is_a_last_event_and_the_next_request_works(client, assistant):
    assistant.chat.failure = DomainError(Reason.ENGINE_FAILED, 'The "engine" broke.\nData: é')
    text = await (await client.post("/api/process/text", data=BODY)).text()
    *words, last = frames_of(text.encode())
    assert [frame["word"] for frame in words] == ["It", " is", " 144."]
    assert last == {
        "error": 'The "engine" broke.\nData: é',
        "error_code": "PROCESSING_ERROR",
        "word": "",
        "complete": True,
    }
    assistant.chat.failure = None
    text = await (await client.post("/api/process/text", data=BODY)).text()
    assert frames_of(text.encode())[-1] == {"word": "", "complete": True}


async def test_bug_in_the_middle_is_told_without_its_detail(client, assistant):
    assistant.chat.failure = KeyError("secret")
    text = await (await client.post("/api/process/text", data=BODY)).text()
    assert "secret" not in text
    assert frames_of(text.encode())[-1]["error"] == "Internal server error"


async def test_empty_answer_is_only_the_last_event(client, assistant):
    assistant.chat.deltas = []
    text = await (await client.post("/api/process/text", data=BODY)).text()
    assert text == 'data: {"word": "", "complete": true}\n\n'


@pytest.mark.parametrize("deltas", [["one two "], []])
async def test_client_that_leaves_stops_the_answer_at_once(client, assistant, send_raw, deltas):
    assistant.chat.deltas = deltas
    assistant.chat.release.clear()
    _reader, writer = await send_raw(client, REQUEST, finish=False)
    await asyncio.wait_for(assistant.chat.said.wait(), 5)
    left = time.monotonic()
    writer.transport.abort()
    await asyncio.wait_for(assistant.chat.closed.wait(), 5)
    assert time.monotonic() - left < 0.25
    assert assistant.chat.running == 0
    assert not client.app[DRAIN]._streams


async def test_client_that_does_not_read_loses_its_stream(start, assistant, send_raw):
    client = await start(stream_write_s=0.2)
    assistant.chat.deltas = Endless()
    reader, writer = await send_raw(client, REQUEST, finish=False)
    reader._transport.pause_reading()
    await asyncio.wait_for(assistant.chat.closed.wait(), 20)
    assert assistant.chat.running == 0
    assert assistant.chat.deltas.given < 5_000, "the source runs ahead by a bounded number of characters"
    writer.transport.abort()
    assert (await client.get("/api/health")).status == 200


@pytest.mark.slow
async def test_client_that_reads_slowly_but_steadily_gets_everything():
    async def answer():
        yield "ab " * 12_000

    async def handle(request):
        return await EventRelay(WordEvents(), write_s=1.0).run(request, answer())

    app = web.Application()
    app[DRAIN] = Drain()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    # Small buffers of the kernel: else it would read everything on the client's behalf.
    with socket.socket() as listening, socket.socket() as reading:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        reading.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        reading.setblocking(False)
        listening.bind(("127.0.0.1", 0))
        await web.SockSite(runner, listening).start()
        received = await read_slowly(reading, listening.getsockname())
        await runner.cleanup()
    assert received.count(b'{"word": ') == 12_002
    assert received.endswith(b"0\r\n\r\n")


async def read_slowly(reading, address):
    """Reads 200 KB a second; the whole answer takes more than twice as long as one write may."""
    loop = asyncio.get_running_loop()
    await loop.sock_connect(reading, address)
    await loop.sock_sendall(reading, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    received = bytearray()
    while data := await loop.sock_recv(reading, 4096):
        received += data
        await asyncio.sleep(0.02)
    return bytes(received)


class Endless:
    """More text than any buffer on the way can hold; the generator must be stopped."""

    def __init__(self):
        self.given = 0

    def __iter__(self):
        while True:
            self.given += 1
            yield "word " * 2000


async def test_silence_is_filled_with_comments(start, assistant, send_raw):
    client = await start(stream_silence_s=0.05)
    assistant.chat.deltas = []
    assistant.chat.release.clear()
    reader, writer = await send_raw(client, REQUEST, finish=False)
    async with asyncio.timeout(5):
        await reader.readuntil(b"\r\n\r\n")
        assert await read_chunk(reader) == b": keep-alive\n\n"
        assistant.chat.release.set()
        while (chunk := await read_chunk(reader)) == b": keep-alive\n\n":
            pass
    assert chunk == b'data: {"word": "", "complete": true}\n\n'
    writer.close()


async def test_stream_that_outlives_the_grace_ends_in_order(client, assistant, send_raw):
    assistant.chat.release.clear()
    reader, writer = await send_raw(client, REQUEST, finish=False)
    await asyncio.wait_for(assistant.chat.said.wait(), 5)
    client.app[DRAIN].expire()
    async with asyncio.timeout(5):
        _head, chunks = await read_chunks(reader)
    writer.close()
    last = frames_of(b"".join(chunks))[-1]
    assert last["complete"] is True
    assert "shutting down" in last["error"]


async def test_words_can_be_paced(start, assistant):
    client = await start(word_pause_ms=20)
    assistant.chat.deltas = ["a b c d e f"]
    began = time.monotonic()
    text = await (await client.post("/api/process/text", data=BODY)).text()
    assert time.monotonic() - began >= 0.1
    assert "".join(frame["word"] for frame in frames_of(text.encode())) == "a b c d e f"


async def test_many_streams_at_once_are_each_complete(client, assistant):
    assistant.chat.deltas = [f"w{number} " for number in range(200)]

    async def one():
        text = await (await client.post("/api/process/text", data=BODY)).text()
        return "".join(frame["word"] for frame in frames_of(text.encode()))

    assert set(await asyncio.gather(*(one() for _ in range(64)))) == {"".join(assistant.chat.deltas)}
    assert assistant.chat.running == 0


@given(st.lists(st.text()))
def test_words_joined_are_the_text(pieces):
    splitter = WordSplitter()
    words = [word for piece in pieces for word in splitter.add(piece)] + splitter.finish()
    assert "".join(words) == "".join(pieces)
    assert all(words)
    assert all(" " not in word[1:] for word in words)


@given(st.lists(st.text(alphabet="ab \n.é", max_size=30)))
def test_words_part_at_single_spaces_however_the_text_is_cut(pieces):
    splitter = WordSplitter()
    words = [word for piece in pieces for word in splitter.add(piece)] + splitter.finish()
    first, *others = "".join(pieces).split(" ")
    assert words == [word for word in (first, *(f" {other}" for other in others)) if word]


@given(st.lists(st.text()))
def test_events_are_ascii_json_and_fit_into_a_write(pieces):
    events = WordEvents()
    written = [*events.events(pieces), *events.end()]
    assert all(len(event) <= MAX_WRITE_BYTES and event.isascii() for event in written)
    frames = [json.loads(event.removeprefix(b"data: ")) for event in written]
    assert "".join(frame["word"] for frame in frames) == "".join(pieces)
    assert [frame["complete"] for frame in frames] == [False] * (len(frames) - 1) + [True]


def test_scripts_without_spaces_are_not_held_back():
    splitter = WordSplitter()
    assert splitter.add("今日は") == ["今日は"]
    assert splitter.add("晴れです。 OK") == ["晴れです。"]
    assert splitter.finish() == [" OK"]


def test_long_word_of_any_script_is_cut_into_writes_and_a_web_address_is_not():
    address = "https://example.org/" + "a" * 400
    assert list(WordSplitter().add(address + " ")) == [address]
    events = WordEvents()
    written = [*events.events(["🙂" * 5000]), *events.end()]
    assert max(map(len, written)) <= MAX_WRITE_BYTES


@given(st.lists(st.binary(min_size=1, max_size=1500)))
def test_joined_writes_hold_whole_events_in_order(events):
    writes = join_events(events)
    assert b"".join(writes) == b"".join(events)
    assert all(len(write) <= MAX_WRITE_BYTES or write in events for write in writes)


async def test_source_runs_ahead_by_a_bounded_number_of_characters():
    given_out = []

    async def source():
        for number in range(100):
            given_out.append(number)
            yield f"{number % 10}"

    batches = Batches(source(), capacity=10)
    await eventually(lambda: full(given_out, 10))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(given_out) == 10
    taken = []
    while items := await batches.take(5):
        taken += items
    assert "".join(taken) == "0123456789" * 10
    await batches.close()


async def full(items, size):
    return len(items) >= size
