"""Frames of WebSockets, written and read by hand, broken ones among them."""

import asyncio
import base64
import os
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, payload=b"", *, fin=True, masked=True, rsv=0, length=None):
    size = len(payload) if length is None else length
    first = (0x80 if fin else 0) | rsv | opcode
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mask_bit | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload))


async def shake_hands(port, target, after_handshake=b""):
    """Opens a connection by hand, with the first frames right behind."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
    writer.write(head.encode() + after_handshake)
    answer = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in answer.split(b"\r\n")[0], answer
    assert b"permessage-deflate" not in answer
    return reader, writer


async def read_frame(reader):
    async with asyncio.timeout(10):
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await reader.readexactly(8))
        assert not second & 0x80
        return first & 0x0F, await reader.readexactly(size)


async def read_close_code(reader):
    while True:
        opcode, payload = await read_frame(reader)
        if opcode == CLOSE:
            return struct.unpack("!H", payload[:2])[0]


BROKEN = {
    "no mask": (frame(TEXT, b"hi", masked=False), 1002),
    "no mask in a later frame": (frame(TEXT, b"x" * 300) + frame(TEXT, b"hi", masked=False), 1002),
    "no mask in a control frame": (frame(PING, masked=False), 1002),
    "fragmented ping": (frame(PING, b"x", fin=False), 1002),
    "fragmented close": (frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    "long ping": (frame(PING, b"x" * 126), 1002),
    "reserved bit": (frame(TEXT, b"x", rsv=0x40), 1002),
    "reserved opcode": (frame(3, b"x"), 1002),
    "continuation of nothing": (frame(0, b"x"), 1002),
    "message in a message": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
    "close with one byte": (frame(CLOSE, b"\x03"), 1002),
    "close with a reserved code": (frame(CLOSE, struct.pack("!H", 1005)), 1002),
    "close with an unknown code": (frame(CLOSE, struct.pack("!H", 999)), 1002),
    "bad UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "bad UTF-8 in a reason": (frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
    "half a character": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "binary": (frame(BINARY, b"x"), 1003),
    "one byte too many": (frame(TEXT, b"x" * ((512 << 10) + 1)), 1009),
    "lie about the length": (frame(TEXT, b"x", length=1 << 40), 1009),
    "too many fragments": (frame(TEXT, b"x" * (300 << 10), fin=False) + frame(0, b"x" * (300 << 10)), 1009),
    "thousands of frames at once": (frame(PING) * 40_000, 1008),
    "ten megabytes": (frame(TEXT, b"x" * (10 << 20)), 1009),
    "orderly close": (frame(CLOSE, struct.pack("!H", 1000)), 1000),
    "close with a code of the application": (frame(CLOSE, struct.pack("!H", 4000)), 4000),
}
