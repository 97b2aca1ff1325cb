"""Every way in which a provider can refuse or be gone, in the words of each of them."""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from provider_asking import KEY, KINDS, engine_at, outcome
from provider_server import begin_stream, chunk, hang_up, send_raw, status, stream

from quintet_errors import Reason
from quintet_llm.engine import FinishReason
from quintet_llm.engines.provider import ProviderEngine
from quintet_llm.engines.provider_options import ProviderOptions
from quintet_llm.skills.registry import SkillOptions

HELLO = chunk({"content": "Hello "})


def openai_error(message, code=None, kind="invalid_request_error", param=None):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def google_error(code, message, name):
    return [{"error": {"code": code, "message": message, "status": name}}]


NO_MODEL = {
    "openai": (404, openai_error("The model `m` does not exist or you do not have access to it.", "model_not_found")),
    "anthropic": (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: m"}}),
    "google": (404, google_error(404, "models/m is not found for API version v1main", "NOT_FOUND")),
    "groq": (404, openai_error("The model `m` does not exist or you do not have access to it.", "model_not_found")),
    "mistral": (400, {"object": "error", "message": "Invalid model: m", "type": "invalid_model", "code": "1500"}),
    "ollama": (404, openai_error('model "m" not found, try pulling it first', kind="api_error")),
    "vllm": (
        404,
        {"object": "error", "message": "The model `m` does not exist.", "type": "NotFoundError", "code": 404},
    ),
    "localai": (500, openai_error("could not load model: no such model 'm'", 500, "")),
    "lm-studio": (404, openai_error("No models loaded. Please load a model.", "model_not_found")),
    "other": (404, {"detail": "no"} | openai_error("Model m is unknown")),
}
TOO_LONG = {
    "openai": (400, openai_error("This model's maximum context length is 8192 tokens.", "context_length_exceeded")),
    "anthropic": (400, {"error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8"}}),
    "google": (400, google_error(400, "The input token count (9) exceeds the maximum number", "INVALID_ARGUMENT")),
    "groq": (413, openai_error("Request too large for model `m`", "rate_limit_exceeded", "tokens")),
    "mistral": (400, {"object": "error", "message": "Prompt contains 9 tokens, too many tokens", "code": "3051"}),
    "ollama": (400, openai_error("input exceeds the context length")),
    "vllm": (400, {"object": "error", "message": "This model's maximum context length is 8 tokens.", "code": 400}),
    "localai": (400, openai_error("request exceeds the available context size", 400, "exceed_context_size_error")),
    "lm-studio": (400, {"error": "tokens to keep is greater than the context length"}),
    "other": (413, b"too large"),
}
REFUSED_KEY = {
    "openai": (401, openai_error(f"Incorrect API key provided: {KEY}", "invalid_api_key")),
    "anthropic": (401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}),
    "google": (400, google_error(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT")),
    "groq": (401, openai_error("Invalid API Key", "invalid_api_key")),
    "mistral": (401, {"message": "Unauthorized", "request_id": KEY}),
    "ollama": (401, {"error": "unauthorized"}),
    "vllm": (401, {"error": "Unauthorized"}),
    "localai": (403, openai_error("forbidden", 403, KEY)),
    "lm-studio": (401, b"no"),
    "other": (403, f"<html>{KEY}</html>".encode()),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_refusals_are_understood_as_each_provider_words_them(provider, kind, capsys):
    cases = [
        (NO_MODEL, Reason.MODEL_NOT_FOUND, "QUINTET_LLM_PROVIDER_MODEL"),
        (TOO_LONG, Reason.INVALID_ARGUMENT, "longer than the model can read"),
        (REFUSED_KEY, Reason.SERVICE_UNAVAILABLE, "QUINTET_LLM_PROVIDER_API_KEY"),
    ]
    async with engine_at(provider, kind) as engine:
        for bodies, reason, part in cases:
            provider.misbehave = status(*bodies[kind])
            text, error = await outcome(engine)
            assert (text, error.reason) == ("", reason)
            assert part in error.message
    assert len(provider.chats) == len(cases), "a refusal is not asked twice"
    logged = capsys.readouterr().out
    assert logged.count("provider_failed") == len(cases)
    assert KEY not in logged


STATUSES = {
    500: Reason.ENGINE_FAILED,
    502: Reason.SERVICE_UNAVAILABLE,
    503: Reason.SERVICE_UNAVAILABLE,
    504: Reason.SERVICE_UNAVAILABLE,
    529: Reason.SERVICE_UNAVAILABLE,
    400: Reason.ENGINE_FAILED,
    402: Reason.SERVICE_UNAVAILABLE,
    404: Reason.ENGINE_FAILED,
    408: Reason.DEADLINE_EXCEEDED,
    422: Reason.ENGINE_FAILED,
    307: Reason.ENGINE_FAILED,
}


@pytest.mark.parametrize("kind", KINDS)
async def test_statuses_without_a_word(provider, kind):
    async with engine_at(provider, kind) as engine:
        for code, reason in STATUSES.items():
            provider.misbehave = status(code, b"", {"Location": "http://127.0.0.1:9/elsewhere"})
            text, error = await outcome(engine)
            assert (text, error.reason) == ("", reason), code
            assert error.metadata["provider"] == provider.url.split("/")[2]
    assert len(provider.chats) == len(STATUSES)


WAITS = {
    None: range(5, 6),
    "17": range(17, 18),
    "0.2": range(1, 2),
    "-3": range(5, 6),
    "nan": range(5, 6),
    "soon": range(5, 6),
    "999999999999": range(3600, 3601),
    format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True): range(1, 601),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_busy_provider_says_when_to_come_again(provider, kind):
    async with engine_at(provider, kind) as engine:
        for stated, expected in WAITS.items():
            headers = {} if stated is None else {"Retry-After": stated}
            provider.misbehave = status(429, openai_error("slow down", "rate_limit_exceeded"), headers)
            _, error = await outcome(engine)
            assert error.reason is Reason.ENGINE_BUSY
            assert int(error.metadata["retryAfterSeconds"]) in expected, stated


async def test_an_account_without_credit_is_not_asked_to_wait(provider):
    provider.misbehave = status(429, openai_error("You exceeded your quota", "insufficient_quota"))
    async with engine_at(provider, "openai") as engine:
        _, error = await outcome(engine)
    assert error.reason is Reason.SERVICE_UNAVAILABLE
    assert "credit" in error.message


async def test_a_text_that_the_provider_refuses_is_the_callers(provider):
    provider.misbehave = status(400, openai_error("not allowed", "content_policy_violation"))
    async with engine_at(provider, "openai") as engine:
        _, error = await outcome(engine)
    assert (error.reason, error.metadata["field"]) == (Reason.INVALID_ARGUMENT, "messages")


@pytest.mark.parametrize("before", [(), (HELLO,)])
async def test_silence_is_a_deadline(provider, before):
    async def fall_silent(_asked, writer):
        if before:
            await begin_stream(writer)
            await send_raw(writer, f"data: {json.dumps(HELLO)}\n\n".encode())
        await asyncio.Event().wait()

    provider.misbehave = fall_silent
    async with engine_at(provider, read_s=0.3) as engine:
        text, error = await outcome(engine)
    assert (text, error.reason) == ("Hello " if before else "", Reason.DEADLINE_EXCEEDED)
    assert len(provider.chats) == 1


async def test_a_stream_is_never_asked_for_again(provider):
    provider.misbehave = stream(HELLO, end=False)
    async with engine_at(provider) as engine:
        await outcome(engine)
    assert len(provider.chats) == 1


async def test_a_server_that_always_hangs_up_is_asked_twice(provider):
    provider.misbehave = hang_up
    async with engine_at(provider) as engine:
        text, error = await outcome(engine)
    assert (text, error.reason) == ("", Reason.SERVICE_UNAVAILABLE)
    assert len(provider.chats) == 2


async def test_a_connection_that_is_not_taken_is_a_failure_in_time(provider):
    # An address that is reserved for documentation answers to nobody.
    engine = ProviderEngine(
        ProviderOptions("http://192.0.2.1:9/v1", model="m", kind="anthropic", connect_s=0.2), SkillOptions()
    )
    _, error = await outcome(engine)
    await engine.close()
    assert error.reason is Reason.SERVICE_UNAVAILABLE


@pytest.mark.parametrize(
    "models",
    [
        status(500, b""), status(404, b"no"), status(200, b"<html>", content_type="text/html"), status(200, b"{oops"),
        status(200, [1, 2]), status(200, {"data": None}), status(200, {"data": [{"id": 7}, 3, {"id": "a\nb"}]}),
        status(200, b"[" * 100_000),
    ],
)  # fmt: skip
async def test_a_list_of_models_that_makes_no_sense_is_no_list(provider, models):
    provider.models = models
    async with engine_at(provider) as engine:
        await engine.warm_up()
        assert engine.models() == ("m",)
        assert engine.info().loaded
        assert (await outcome(engine))[1].reason is FinishReason.STOP


async def test_a_refused_key_shows_before_the_first_question(provider, capsys):
    provider.models = status(401, openai_error(f"bad key {KEY}"))
    async with engine_at(provider) as engine:
        await engine.warm_up()
        info = engine.info()
    assert not info.loaded
    assert "QUINTET_LLM_PROVIDER_API_KEY" in info.limitations[0].explanation
    assert KEY not in repr(info) + capsys.readouterr().out


async def test_the_key_is_in_no_log_even_if_the_sdk_shall_tell_everything(provider, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_LOG", "debug")
    provider.misbehave = status(401, openai_error(f"bad key {KEY}"))
    with caplog.at_level(logging.DEBUG):
        async with engine_at(provider) as engine:
            await engine.warm_up()
            _, error = await outcome(engine)
    everything = caplog.text + repr(error) + str(error) + repr(engine.info())
    assert KEY not in everything
    assert "bees" not in caplog.text
