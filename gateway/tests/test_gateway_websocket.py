"""WebSockets as such, over real sockets: frames that break the rules, pings, slow readers, bounds, the end."""

import asyncio
import base64
import struct

import aiohttp
import pytest
from echo_server import Echo, Server
from raw_frames import BROKEN, CLOSE, PING, PONG, TEXT, frame, read_close_code, read_frame

from quintet_gateway.app import build_app
from quintet_gateway.http.listening import listen
from quintet_gateway.http.serving import HttpServer
from quintet_gateway.http.websocket import WebSocketRules
from quintet_gateway.settings import GatewaySettings
from quintet_testing import eventually


@pytest.fixture
async def serve(assistant, tmp_path):
    """Starts a server whose only surface is the echo."""
    started = []

    async def serve(grace_s=5, **rules):
        holder = []

        def create(_settings):
            holder.append(Echo(WebSocketRules(**rules)))
            return holder[0]

        app = build_app(GatewaySettings(limits="off", data_dir=tmp_path), assistant, [create])
        http = HttpServer(app, keepalive_s=75, grace_s=grace_s)
        (port,) = listen(("127.0.0.1",), (0,), required=True)
        await http.start([port])
        started.append(Server(holder[0], http, port.port))
        return started[-1]

    yield serve
    for server in started:
        if not server.drained:
            await server.drain()


@pytest.mark.parametrize("at_once", [False, True])
async def test_frames_that_break_the_rules_end_with_the_right_code(serve, at_once):
    server = await serve(per_user=len(BROKEN))
    said = await asyncio.gather(*(code_for(server, data, at_once=at_once) for data, _ in BROKEN.values()))
    # A code of the application is answered with the ordinary one.
    expected = {kind: 1000 if code == 4000 else code for kind, (_, code) in BROKEN.items()}
    assert dict(zip(BROKEN, said, strict=True)) == expected
    await eventually(lambda: nobody(server))


async def code_for(server, data, *, at_once):
    reader, writer = await server.raw(data if at_once else b"")
    if not at_once:
        writer.write(data)
    # The whole of it is sent before the answer is read, as a client that does not listen would.
    await writer.drain()
    code = await read_close_code(reader)
    writer.close()
    return code


async def nobody(server):
    return server.echo.open == 0


async def test_largest_message_and_fragments_are_taken(serve):
    server = await serve()
    reader, writer = await server.raw()
    text = "\u0939" * ((512 << 10) // 3)
    writer.write(frame(TEXT, text.encode()))
    assert await read_frame(reader) == (TEXT, text.encode())
    parts = [frame(TEXT, b"ab", fin=False), frame(PING, b"between"), frame(0, b"cd", fin=False), frame(0, b"")]
    for byte in b"".join(parts):
        writer.write(bytes([byte]))
        await writer.drain()
    assert await read_frame(reader) == (PONG, b"between")
    assert await read_frame(reader) == (TEXT, b"abcd")
    writer.close()


async def test_some_hundred_frames_at_once_are_taken_and_others_get_their_turn_between_them(serve):
    server = await serve(handlers=4)
    reader, writer = await server.raw()
    writer.write(frame(PING, b"p") * 500)
    assert [await read_frame(reader) for _ in range(500)] == [(PONG, b"p")] * 500
    writer.write(frame(TEXT, b"hi") * 400)
    said = [await read_frame(reader) for _ in range(400)]
    # If all of them were taken in one go, no handler would end in between, and only the first four be answered.
    assert said.count((TEXT, b"hi")) > 4
    writer.close()


async def test_client_that_answers_pings_stays_and_a_silent_one_is_dropped(serve):
    server = await serve(ping_s=0.05, pong_s=0.4)
    async with aiohttp.ClientSession() as http:
        polite = await http.ws_connect(f"ws://127.0.0.1:{server.port}/echo")
        listening = asyncio.create_task(polite.receive())
        reader, writer = await server.raw()
        assert await read_frame(reader) == (PING, b"")
        # A message is no pong.
        writer.write(frame(TEXT, b"I am here"))
        async with asyncio.timeout(5):
            await reader.read()
        await eventually(lambda: is_open(server, 1))
        await polite.send_str("hello")
        assert (await listening).data == "hello"
        await polite.close()
    writer.close()


async def is_open(server, count):
    return server.echo.open == count


async def test_slow_reader_is_dropped_and_delays_nobody(serve):
    server = await serve()
    _, slow_writer = await server.raw()
    slow_writer.transport.pause_reading()
    async with aiohttp.ClientSession() as http:
        other = await http.ws_connect(f"ws://127.0.0.1:{server.port}/echo")
        # More than the buffers of both sockets hold and the queue takes.
        slow_writer.write(frame(TEXT, b"flood 2000"))
        await other.send_str("hello")
        assert (await other.receive(timeout=5)).data == "hello"
        await eventually(lambda: is_open(server, 1))
        await other.send_str("again")
        assert (await other.receive(timeout=5)).data == "again"
        await other.close()
    slow_writer.close()


async def test_message_larger_than_the_queue_is_sent_to_one_who_reads(serve):
    server = await serve(queued_bytes=1000)
    async with aiohttp.ClientSession() as http:
        connection = await http.ws_connect(f"ws://127.0.0.1:{server.port}/echo")
        await connection.send_str("x" * 100_000)
        assert len((await connection.receive(timeout=5)).data) == 100_000
        await connection.close()


async def test_bug_ends_one_connection_with_1011(serve):
    server = await serve()
    reader, writer = await server.raw(frame(TEXT, b"break"))
    assert await read_close_code(reader) == 1011
    writer.close()


async def test_messages_beyond_the_bound_are_answered_with_busy(serve):
    server = await serve(handlers=2)
    reader, writer = await server.raw(frame(TEXT, b"wait") * 3)
    assert await read_frame(reader) == (TEXT, b"busy")
    assert server.echo.waiting == 2
    writer.write(frame(PING, b"p"))
    assert await read_frame(reader) == (PONG, b"p")
    server.echo.release.set()
    assert await read_frame(reader) == (TEXT, b"wait")
    writer.close()


async def test_messages_that_wait_are_heard_in_their_order(serve):
    server = await serve(handlers=1)
    server.echo.busy = None
    reader, writer = await server.raw(b"".join(frame(TEXT, word) for word in (b"wait", b"a", b"b", b"wait", b"c")))
    await eventually(lambda: is_waiting(server))
    server.echo.release.set()
    assert [(await read_frame(reader))[1] for _ in range(5)] == [b"wait", b"a", b"b", b"wait", b"c"]
    writer.close()


async def test_pong_behind_messages_that_wait_is_not_missed(serve):
    server = await serve(handlers=1, ping_s=0.05, pong_s=0.1)
    server.echo.busy = None
    reader, writer = await server.raw(frame(TEXT, b"wait") + frame(TEXT, b"a"))
    await eventually(lambda: is_waiting(server))
    for _ in range(6):
        assert (await read_frame(reader))[0] == PING
        writer.write(frame(PONG))
    server.echo.release.set()
    said = []
    while len(said) < 2:
        opcode, text = await read_frame(reader)
        said += [text] if opcode == TEXT else []
    assert said == [b"wait", b"a"]
    # From here on nothing waits, and whoever is silent is dropped.
    await eventually(lambda: nobody(server))
    writer.close()


async def test_client_that_leaves_while_its_messages_wait_leaves_nothing_behind(serve):
    server = await serve(handlers=1)
    server.echo.busy = None
    _, writer = await server.raw(frame(TEXT, b"wait") * 3)
    await eventually(lambda: is_waiting(server))
    writer.transport.abort()
    await eventually(lambda: nobody(server))


async def test_shutdown_waits_for_what_is_made_beside_the_messages(serve):
    server = await serve()
    reader, writer = await server.raw(frame(TEXT, b"make"))
    assert await read_frame(reader) == (TEXT, b"make")
    idle_reader, idle_writer = await server.raw()
    ending = asyncio.create_task(server.drain())
    assert await read_close_code(idle_reader) == 1001
    idle_writer.close()
    assert not ending.done()
    server.echo.making[0].occupy(occupied=False)
    assert await read_close_code(reader) == 1001
    writer.close()
    async with asyncio.timeout(5):
        await ending


async def test_connections_are_bounded_for_each_user_and_in_all(serve):
    server = await serve(in_all=3, per_user=2)
    url = f"ws://127.0.0.1:{server.port}/echo"
    async with aiohttp.ClientSession() as http:
        mine = [await http.ws_connect(f"{url}?user=me") for _ in range(2)]
        assert await refusal(http, f"{url}?user=me") == 429
        other = await http.ws_connect(f"{url}?user=other")
        assert await refusal(http, f"{url}?user=third") == 503
        await mine[0].close()
        await eventually(lambda: is_open(server, 2))
        again = await http.ws_connect(f"{url}?user=me")
        for connection in (mine[1], other, again):
            await connection.close()


async def refusal(http, url):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(url)
    if refused.value.status in {429, 503}:
        assert int(refused.value.headers["Retry-After"]) > 0
    return refused.value.status


HANDSHAKE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"Upgrade": None}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Connection": "close"}, 426),
        ({"Sec-WebSocket-Version": "99"}, 426),
        ({"Sec-WebSocket-Key": None}, 426),
        ({"Sec-WebSocket-Key": "!!"}, 426),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
    ],
)
async def test_bad_handshakes_are_refused(serve, changed, status):
    server = await serve()
    headers = {name: value for name, value in {**HANDSHAKE, **changed}.items() if value is not None}
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{server.port}/echo", headers=headers) as answer,
    ):
        assert answer.status == status
        assert "detail" in await answer.json()
        if status == 426:
            assert (answer.headers["Upgrade"], answer.headers["Sec-WebSocket-Version"]) == ("websocket", "13")
    assert server.echo.open == 0


async def test_shutdown_lets_work_end_and_closes_with_1001(serve):
    server = await serve()
    reader, writer = await server.raw(frame(TEXT, b"wait"))
    idle_reader, idle_writer = await server.raw()
    await eventually(lambda: is_waiting(server))
    ending = asyncio.create_task(server.drain())
    assert await read_close_code(idle_reader) == 1001
    idle_writer.close()
    server.echo.release.set()
    assert await read_frame(reader) == (TEXT, b"wait")
    assert await read_close_code(reader) == 1001
    writer.close()
    async with asyncio.timeout(5):
        await ending


async def is_waiting(server):
    return server.echo.waiting == 1


async def test_work_that_outlives_the_grace_is_ended_with_1001(serve):
    server = await serve(grace_s=0.2)
    reader, writer = await server.raw(frame(TEXT, b"wait"))
    await eventually(lambda: is_waiting(server))
    ending = asyncio.create_task(server.drain())
    assert await read_close_code(reader) == 1001
    writer.close()
    async with asyncio.timeout(5):
        await ending
    assert server.echo.open == 0


async def test_connections_are_counted(serve):
    server = await serve()
    reader, writer = await server.raw()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as http:
        async with http.get("/metrics") as answer:
            assert 'quintet_websockets_active{surface="echo"} 1.0' in await answer.text()
        writer.write(frame(CLOSE, struct.pack("!H", 1000)))
        assert await read_close_code(reader) == 1000
        writer.close()
        await eventually(lambda: nobody(server))
        async with http.get("/metrics") as answer:
            text = await answer.text()
    assert 'quintet_websockets_active{surface="echo"} 0.0' in text
    assert 'quintet_websockets_ended_total{surface="echo",why="left"}' in text


async def test_a_hundred_clients_that_leave_at_once_leave_nothing_behind(serve):
    server = await serve(per_user=200)
    before = len(asyncio.all_tasks())
    for _ in range(4):
        opened = [await server.raw(frame(TEXT, b"wait")) for _ in range(25)]
        for _, writer in opened:
            writer.transport.abort()
    await eventually(lambda: nobody(server))
    await eventually(lambda: tasks_at_most(before + 2))


async def tasks_at_most(count):
    return len(asyncio.all_tasks()) <= count
