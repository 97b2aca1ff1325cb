"""Streams of chat completions that break, and odd ones that are whole all the same, at every provider."""

import asyncio
import json

import pytest
from provider_asking import KINDS, REQUEST, engine_at, outcome
from provider_server import EVENTS, begin_stream, chunk, end_stream, send_raw, status, stream

from quintet_errors import DomainError, Reason
from quintet_llm.engine import FinishReason, TextDelta

HELLO = chunk({"content": "Hello "})
DONE = b"data: [DONE]\n\n"
BROKEN = {
    "stops half-way": (stream(HELLO), "Hello ", Reason.ENGINE_FAILED),
    "hangs up": (stream(HELLO, end=False), "Hello ", Reason.ENGINE_FAILED),
    "half an event": (stream(HELLO, b'data: {"choices": [{"ind'), "Hello ", Reason.ENGINE_FAILED),
    "malformed JSON": (stream(HELLO, b"data: {oops\n\n"), "Hello ", Reason.ENGINE_FAILED),
    "no text": (stream(HELLO, b"data: \xff\xfe\n\n"), "Hello ", Reason.ENGINE_FAILED),
    "deep JSON": (stream(HELLO, b"data: " + b"[" * 200_000 + b"\n\n"), "Hello ", Reason.ENGINE_FAILED),
    "a number": (stream(HELLO, 42), "Hello ", Reason.ENGINE_FAILED),
    "a list": (stream(HELLO, [1, 2]), "Hello ", Reason.ENGINE_FAILED),
    "choices of another kind": (stream({"choices": {"a": 1}}), "", Reason.ENGINE_FAILED),
    "nothing": (stream(), "", Reason.ENGINE_FAILED),
    "only the end": (stream(b"data: [DONE]\n\n"), "", Reason.ENGINE_FAILED),
    "only a reason": (stream(chunk({}, "stop"), b"data: [DONE]\n\n"), "", Reason.ENGINE_FAILED),
    "a filter": (stream(HELLO, chunk({}, "content_filter")), "Hello ", Reason.ENGINE_FAILED),
    "an endless line": (stream(HELLO, b"data: " + b"x" * (3 << 20)), "Hello ", Reason.ENGINE_FAILED),
    "an endless event": (stream(HELLO, *[b"data: " + b"x" * 60_000 + b"\r\n"] * 40), "Hello ", Reason.ENGINE_FAILED),
    "HTML": (status(200, b"<html>Log in</html>", content_type="text/html"), "", Reason.ENGINE_FAILED),
    "plain JSON": (status(200, {"choices": []}), "", Reason.ENGINE_FAILED),
    "packed": (status(200, b"data: x\n\n", {"Content-Encoding": "gzip"}, EVENTS), "", Reason.ENGINE_FAILED),
    "a huge error": (status(500, b"x" * (9 << 20)), "", Reason.ENGINE_FAILED),
    "an error within": (
        stream(HELLO, {"error": {"message": "boom", "code": "server_error"}}),
        "Hello ",
        Reason.ENGINE_FAILED,
    ),
    "overloaded within": (
        stream(HELLO, {"error": {"type": "overloaded_error", "message": "Overloaded"}}),
        "Hello ",
        Reason.SERVICE_UNAVAILABLE,
    ),
    "busy within": (stream({"error": {"message": "slow", "code": "rate_limit_exceeded"}}), "", Reason.ENGINE_BUSY),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_broken_streams_fail_after_the_text_before(provider, kind):
    async with engine_at(provider, kind) as engine:
        for name, (misbehave, text, reason) in BROKEN.items():
            provider.misbehave = misbehave
            said, error = await outcome(engine)
            assert isinstance(error, DomainError), name
            assert (said, error.reason) == (text, reason), name


WHOLE = {
    "comments": (b": keep-alive\n\n", HELLO, b": OPENROUTER PROCESSING\r\n\r\n", chunk({}, "stop"), DONE),
    "null deltas": (chunk({"role": "assistant", "content": None}), HELLO, chunk(None), chunk({}, "stop"), DONE),
    "null choices": ({"choices": None}, {"choices": []}, HELLO, chunk({}, "stop"), DONE),
    "no end mark": (HELLO, chunk({}, "stop")),
    "no reason": (HELLO, DONE),
    "no space": (b'data:{"choices":[{"index":0,"delta":{"content":"Hello "}}]}\n\n', b"data:[DONE]\n\n"),
    "carriage returns": (b'data: {"choices":[{"delta":{"content":"Hello "}}]}\r\n\r\n', b"data: [DONE]\r\n\r\n"),
    "a reason in every chunk": (chunk({"content": "Hel"}, "stop"), chunk({"content": "lo "}, "STOP"), DONE),
    "usage last": (HELLO, chunk({}, "stop"), {"choices": [], "usage": {"prompt_tokens": 3}}, DONE),
    "another finish": (HELLO, chunk({}, "end_turn"), DONE),
    "parts": (chunk({"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hello "}]}),
              chunk({}, "stop"), DONE),
    "thoughts": (chunk({"reasoning_content": "hm"}), chunk({"reasoning": "hm"}), HELLO, chunk({}, "stop"), DONE),
    "a refusal": (chunk({"refusal": "Hello "}), chunk({}, "stop"), DONE),
    "a second choice": (HELLO, {"choices": [{"index": 1, "delta": {"content": "no"}}]}, chunk({}, "stop"), DONE),
    "noise after the end": (HELLO, chunk({}, "stop"), b"data: {oops\n\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_odd_streams_are_whole_answers(provider, kind):
    async with engine_at(provider, kind) as engine:
        for name, events in WHOLE.items():
            provider.misbehave = stream(*events)
            text, end = await outcome(engine)
            assert (text, end.reason) == ("Hello ", FinishReason.STOP), name


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
async def test_limits_end_with_length(provider, finish):
    provider.misbehave = stream(HELLO, chunk({}, finish), DONE)
    async with engine_at(provider) as engine:
        assert (await outcome(engine))[1].reason is FinishReason.LENGTH


async def test_usage_of_groq_is_found_where_it_was(provider):
    usage = {"prompt_tokens": 31, "completion_tokens": 7}
    provider.misbehave = stream(HELLO, chunk({}, "stop") | {"x_groq": {"id": "r", "usage": usage}}, DONE)
    async with engine_at(provider, "groq") as engine:
        _, end = await outcome(engine)
    assert (end.input_tokens, end.output_tokens) == (31, 7)


async def test_a_whole_stream_needs_no_content_type(provider):
    async def untyped(_asked, writer):
        body = b'data: {"choices":[{"delta":{"content":"Hello "},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    provider.misbehave = untyped
    async with engine_at(provider) as engine:
        text, end = await outcome(engine)
    assert (text, end.reason) == ("Hello ", FinishReason.STOP)


async def test_the_last_words_come_before_a_slow_end(provider):
    """The text is not held back until the provider closes the stream."""
    seen = asyncio.Event()

    async def slow_end(_asked, writer):
        await begin_stream(writer)
        await send_raw(writer, f"data: {json.dumps(HELLO)}\n\n".encode())
        await asyncio.wait_for(seen.wait(), 10)
        await send_raw(writer, f"data: {json.dumps(chunk({}, 'stop'))}\n\n".encode() + DONE)
        await end_stream(writer)

    provider.misbehave = slow_end
    async with engine_at(provider) as engine:
        async for event in engine.answer(REQUEST):
            if isinstance(event, TextDelta):
                seen.set()
    assert seen.is_set()
