"""WebSockets of the omni surface: who gets one, what is too much, and how each ends."""

import asyncio
import base64
import os
import struct

import aiohttp
import pytest
from omni_requests import Holder, closed, failure, hear, kept_id, say, success
from raw_frames import BROKEN, read_close_code, shake_hands

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_PCM_S16LE, AudioFormat
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import voice
from quintet_gateway.dialects.omni.session_keeping import create_session
from quintet_gateway.dialects.omni.terms import Terms
from quintet_testing import eventually

FORMAT = AudioFormat(encoding=AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=24000, channel_count=1)
SOUND = base64.b64encode(struct.pack("<4h", 300, -200, 5000, 7)).decode()


@pytest.fixture
def holder(assistant, client):
    return Holder(assistant, client)


def conversation_of(assistant):
    return assistant.voice.conversations[-1]


@pytest.mark.parametrize("size", [(4 << 20) + 1, 10 << 20])
async def test_enormous_frame_ends_the_connection(holder, size):
    connection, _ = await holder.connect()
    await connection.send_str("x" * size)
    assert await closed(connection) == 1009


async def test_binary_frame_ends_the_connection(holder):
    connection, _ = await holder.connect()
    await connection.send_bytes(bytes(640))
    assert await closed(connection) == 1003


# Messages of this surface may be larger, so that these are whole ones.
RAW = {kind: case for kind, case in BROKEN.items() if kind not in {"one byte too many", "too many fragments"}}


@pytest.mark.parametrize(("data", "code"), RAW.values(), ids=RAW)
async def test_frames_that_break_the_rules_end_the_connection_with_the_right_code(holder, assistant, data, code):
    reader, writer = await shake_hands(holder.client.server.port, f"/ws?api_key={holder.secret}")
    writer.write(data)
    await writer.drain()
    # A code of the application is answered with the ordinary one.
    assert await read_close_code(reader) == (1000 if code == 4000 else code)
    writer.close()
    await eventually(lambda: is_set(conversation_of(assistant).closed))
    connection, _ = await holder.connect()
    await say(connection, type="audio_chunk", data=SOUND)
    assert (await hear(connection))["type"] == "vad_status"


async def test_flood_is_held_back_and_loses_nothing(holder, assistant):
    connection, _ = await holder.connect()
    conversation = conversation_of(assistant)
    conversation.may_hear.clear()
    chunk = base64.b64encode(os.urandom(6000) + b"\x01\x40").decode()
    frames = 3000

    async def flood():
        for number in range(frames):
            await say(connection, type="audio_chunk", data=chunk, format="pcm_s16le", sample_rate=8000 + number)

    async def count():
        for _ in range(frames):
            assert (await hear(connection))["type"] == "vad_status"

    flooding = asyncio.create_task(flood())
    await eventually(lambda: counts(conversation, heard=1))
    # 24 MB do not fit into the sockets: whoever sends them waits, and the server has heard one.
    assert not flooding.done()
    assert len(conversation.heard) == 1
    conversation.may_hear.set()
    async with asyncio.timeout(60):
        await asyncio.gather(flooding, count())
    assert [audio.sample_rate_hz for audio in conversation.heard] == [8000 + number for number in range(frames)]


async def test_idle_connection_is_told_and_closed(start, assistant):
    holder = Holder(assistant, await start(omni_idle_s=0.2))
    connection, session_id = await holder.connect()
    await say(connection, type="audio_chunk", data=SOUND)
    assert (await hear(connection))["type"] == "vad_status"
    assert await hear(connection) == {"type": "error", "error": "Nothing came for 0.2 seconds."}
    assert await closed(connection) == 1000
    assert holder.sessions == {kept_id(session_id)}


async def test_deleted_session_ends_its_connections_alone(holder):
    connection, session_id = await holder.connect()
    second, _ = await holder.connect(session_id)
    other, _ = await holder.connect()
    await success(await holder.ask("DELETE", f"/session/{session_id}"))
    assert [await closed(connection), await closed(second)] == [1000, 1000]
    await say(other, type="audio_chunk", data=SOUND)
    assert (await hear(other))["type"] == "vad_status"


async def test_evicted_session_ends_its_connections(start, assistant):
    holder = Holder(assistant, await start(omni_max_sessions=2))
    first, _ = await holder.connect()
    second, _ = await holder.connect()
    await holder.new_session()
    assert await closed(first) == 1000
    await holder.connect()
    assert await closed(second) == 1000


async def test_session_that_ends_in_another_gateway_ends_the_connection(holder, assistant):
    # What another process publishes comes through the same hub.
    connection, session_id = await holder.connect()
    await assistant.events.publish(f"omni:{kept_id(session_id)}", '{"type": "session_ended"}')
    assert await closed(connection) == 1000


async def test_revoked_key_ends_the_connection(start, assistant):
    holder = Holder(assistant, await start(omni_key_check_s=0.05))
    connection, _ = await holder.connect()
    assistant.identity.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.")
    checks = assistant.identity.checks
    await eventually(lambda: counts_checks(assistant, checks + 2))
    assistant.identity.failure = None
    del assistant.identity.keys["omni", holder.secret]
    assert (await hear(connection))["type"] == "error"
    assert await closed(connection) == 1008


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ({}, 401, "API key required"),
        ({"api_key": "qo_wrong"}, 403, "Invalid API key"),
        ({"api_key": "qo_mine", "stream": "maybe"}, 400, "Bad Request"),
    ],
)
async def test_refused_handshake_is_answered_as_any_request(holder, client, query, status, error):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect("/ws", params=query)
    assert refused.value.status == status
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    await failure(await client.get("/ws", params=query, headers=upgrade), status, error)
    assert not holder.sessions


async def test_handshake_that_cannot_have_a_session_is_refused(holder, assistant, client):
    assistant.sessions.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect("/ws", params={"api_key": holder.secret})
    assert refused.value.status == 500
    assert not assistant.voice.conversations


async def test_too_many_connections_of_a_key_are_refused(start, assistant):
    holder = Holder(assistant, await start(websockets_per_user=2))
    for _ in range(2):
        await holder.connect()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await holder.connect()
    assert refused.value.status == 429
    assert len(holder.sessions) == 2


async def test_page_of_any_origin_may_connect(holder):
    connection = await holder.client.ws_connect(
        "/ws", params={"api_key": holder.secret}, headers={"Origin": "https://page.example"}
    )
    assert (await hear(connection))["type"] == "connected"


async def test_handshake_counts_one_request_and_frames_none(start, assistant):
    client = await start(limits="documented", omni_requests_per_minute=3)
    holder = Holder(assistant, client)
    connection, _ = await holder.connect()
    for _ in range(10):
        await say(connection, type="audio_chunk", data=SOUND)
        assert (await hear(connection))["type"] == "vad_status"
    response = await holder.ask("GET", "/sessions")
    assert response.headers["X-RateLimit-Remaining"] == "1"


async def test_reader_that_takes_nothing_is_dropped_and_delays_nobody(holder, assistant):
    slow, _ = await holder.connect()
    stuck = conversation_of(assistant)
    other, _ = await holder.connect()
    lively = conversation_of(assistant)
    # Sent frames are not read by `slow`; what does not fit anywhere ends it.
    stuck.tell(*(voice.Answered("Long.", bytes(240 << 10), FORMAT, 1.0) for _ in range(80)))
    lively.tell(voice.Activity(0.75, True))
    assert (await hear(other))["confidence"] == 0.75
    await eventually(lambda: is_set(stuck.closed), within_s=20)
    assert not slow.closed


async def test_session_without_connections_ends_in_peace(assistant, holder):
    session = await create_session(assistant, holder.owner, Terms(), 1)
    again = await create_session(assistant, holder.owner, Terms(), 1)
    assert holder.sessions == {again.session_id} != {session.session_id}


async def is_set(event):
    return event.is_set()


async def counts(conversation, *, stops=0, heard=0):
    return (conversation.stops, len(conversation.heard)) == (stops, heard)


async def counts_checks(assistant, least):
    return assistant.identity.checks >= least
