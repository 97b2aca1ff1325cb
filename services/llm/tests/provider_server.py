"""A loopback server that plays a provider of OpenAI-compatible chat completions, and misbehaves on demand."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

ANSWER = "Bees dance to tell each other where the flowers are ."
EVENTS = "text/event-stream; charset=utf-8"


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict
    body: dict


@dataclass
class ProviderServer:
    """`misbehave(asked, writer)` takes the place of the answer to a chat completion if it is set."""

    url: str = ""
    models: object = ("tiny-chat", "other-chat")
    misbehave: object = None
    usage: str = "last-chunk"
    asked: list = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def chats(self):
        """The requests for chat completions."""
        return [one for one in self.asked if one.method == "POST"]

    async def serve(self, reader, writer):
        """Answers the requests of one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                asked = await _read(reader)
                self.asked.append(asked)
                await self._answer(asked, writer)
        self.gone.set()
        writer.close()

    async def _answer(self, asked, writer):
        if asked.method == "POST" and self.misbehave is not None:
            await self.misbehave(asked, writer)
        elif asked.method == "POST":
            await send_stream(writer, self._events(asked.body))
        elif callable(self.models):
            await self.models(asked, writer)
        else:
            listed = [{"id": name, "object": "model", "owned_by": "library"} for name in self.models]
            await send_json(writer, 200, {"object": "list", "data": listed})

    def _events(self, body):
        limit = body.get("max_tokens") or body.get("max_completion_tokens") or 1000
        words = ANSWER.split()[:limit]
        spoken = [message["content"] for message in body["messages"] if message["role"] != "system"]
        yield chunk({"role": "assistant", "content": ""})
        for index, word in enumerate(words):
            yield chunk({"content": word if index == len(words) - 1 else f"{word} "})
        usage = {"prompt_tokens": len(" ".join(spoken).split()), "completion_tokens": len(words), "total_tokens": 0}
        end = chunk({}, finish="length" if len(words) < len(ANSWER.split()) else "stop")
        yield end | {"usage": usage} if self.usage == "unasked" else end
        if self.usage == "last-chunk" and body.get("stream_options", {}).get("include_usage"):
            yield {"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage}
        yield "[DONE]"


@asynccontextmanager
async def running():
    """Serves on a free port; connections that are still open are closed at the end."""
    played = ProviderServer()
    tasks = set()

    async def connected(reader, writer):
        tasks.add(asyncio.current_task())
        with suppress(asyncio.CancelledError):
            await played.serve(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    played.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield played
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def chunk(delta, finish=None):
    """Returns one piece of a completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


async def send_json(writer, status, body, headers=None, content_type="application/json"):
    """Sends one whole response."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", f"Content-Length: {len(raw)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)
    await writer.drain()


async def begin_stream(writer, content_type=EVENTS):
    """Sends the head of a stream."""
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    await writer.drain()


async def send_raw(writer, raw):
    """Sends some bytes of a stream."""
    writer.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
    await writer.drain()


async def send_stream(writer, events):
    """Sends a whole stream of events; a text is sent as it is."""
    await begin_stream(writer)
    for event in events:
        await send_raw(writer, f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode())
    await end_stream(writer)


async def end_stream(writer):
    """Ends a stream properly."""
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def status(code, body, headers=None, content_type="application/json"):
    """Returns a misbehaviour that answers with one whole response."""

    async def answer(_asked, writer):
        await send_json(writer, code, body, headers, content_type)

    return answer


def stream(*events, content_type=EVENTS, end=True):
    """Returns a misbehaviour that sends bytes as they are, all else as events, and ends or hangs up."""

    async def answer(_asked, writer):
        await begin_stream(writer, content_type)
        for event in events:
            raw = event if isinstance(event, bytes) else f"data: {json.dumps(event)}\n\n".encode()
            await send_raw(writer, raw)
        if end:
            await end_stream(writer)
        else:
            writer.close()

    return answer


async def hang_up(_asked, writer):
    """A misbehaviour that answers nothing."""
    writer.close()
    await writer.wait_closed()


async def _read(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, json.loads(raw) if raw else {})
