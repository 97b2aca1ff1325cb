"""Servers of language models on this machine, played on free ports."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from quintet_cli import doctor
from quintet_cli.doctor import EngineReport, Report
from quintet_cli.language_models import LanguageModelServer, find_servers


def listing(*names: str, owner: str = "somebody") -> web.Response:
    models = [{"id": name, "object": "model", "owned_by": owner} for name in names]
    return web.json_response({"object": "list", "data": models})


@asynccontextmanager
async def playing(answer: object, readiness: object = None) -> AsyncIterator[int]:
    """Serves one answer at /v1/models, and another at /readyz if there is one; gives the port."""

    async def models(_request: web.Request) -> web.StreamResponse:
        return await answer()

    async def readyz(_request: web.Request) -> web.Response:
        return web.json_response(readiness)

    app = web.Application()
    app.add_routes([web.get("/v1/models", models)])
    if readiness is not None:
        app.add_routes([web.get("/readyz", readyz)])
    async with TestServer(app, host="127.0.0.1") as server:
        assert server.port
        yield server.port


async def found(answer: object, readiness: object = None) -> list[LanguageModelServer]:
    async with playing(answer, readiness) as port:
        return await find_servers({port: "Usual"})


async def test_servers_are_known_by_the_owner_of_their_models() -> None:
    owners = {"library": "Ollama", "llamacpp": "llama.cpp", "vllm": "vLLM", "organization_owner": "LM Studio"}
    for owner, name in (owners | {"me": "Usual"}).items():

        async def answer(owner: str = owner) -> web.Response:
            return listing("llama3.2:1b", "qwen3", owner=owner)

        (server,) = await found(answer)
        assert (server.name, server.models) == (name, ("llama3.2:1b", "qwen3"))
        assert server.setting == f"OPENAI_BASE_URL={server.address}/v1"


async def test_several_are_found_at_once() -> None:
    async def answer() -> web.Response:
        return listing("a")

    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(playing(answer)) for _ in range(3)]
        servers = await find_servers(dict.fromkeys(ports, "Usual"))
    assert [server.address for server in servers] == [f"http://127.0.0.1:{port}" for port in ports]


async def test_the_gateway_of_quintet_is_not_mistaken_for_one() -> None:
    async def answer() -> web.Response:
        return listing("tiny")

    async def ours() -> web.Response:
        return listing("tiny", owner="quintet")

    assert await found(answer, {"status": "ready", "complete": True, "services": {"llm": True}}) == []
    assert await found(ours) == []
    assert len(await found(answer, {"status": "ready"})) == 1


async def test_whatever_else_listens_there_is_none() -> None:
    waiting = asyncio.Event()

    async def html() -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    async def missing() -> web.Response:
        raise web.HTTPNotFound

    async def silent() -> web.Response:
        await waiting.wait()
        return listing("late")

    async def huge() -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "x" * (2 << 20)}]})

    bodies = ([1], {"data": [{"id": "a"}]}, {"object": "list"}, {"object": "list", "data": [3, {"id": 4}]}, "x", None)
    for body in bodies:

        async def odd(body: object = body) -> web.Response:
            return web.json_response(body)

        assert await found(odd) == []
    for answer in (html, missing, huge):
        assert await found(answer) == []
    async with playing(silent) as port:
        assert await asyncio.wait_for(find_servers({port: "Usual"}), 5) == []
        waiting.set()
    assert await find_servers({port: "Usual"}) == [], "nobody listens there any more"


def report_with(engine: str, *servers: LanguageModelServer) -> Report:
    limitation = {"subject": "open-questions", "explanation": "It explains nothing.", "remedy": "quintet doctor"}
    engines = [EngineReport("llm", {"name": engine, "limitations": [limitation]})]
    return Report("3.11", "/data", "", engines, {}, {}, {}, servers)


def shown(report: Report) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    doctor.show(report, console)
    return console.export_text()


def test_the_doctor_prints_the_one_setting() -> None:
    server = LanguageModelServer("Ollama", "http://127.0.0.1:11434", ("a", "b", "c\x1b[2J", "d"))
    report = report_with("grounded", server)
    assert report.remedies == ["OPENAI_BASE_URL=http://127.0.0.1:11434/v1 quintet up"]
    assert json.loads(report.to_json())["language_models"][0]["models"] == ["a", "b", "c\x1b[2J", "d"]
    text = shown(report)
    assert "OPENAI_BASE_URL=http://127.0.0.1:11434/v1 quintet up" in text
    assert "\x1b" not in text
    assert "and 1 more" in text
    assert report_with("provider", server).remedies == []


def test_the_doctor_says_how_to_add_one_where_none_is_found() -> None:
    text = shown(report_with("grounded"))
    for part in ("11434 (Ollama)", "1234 (LM Studio)", "OPENAI_BASE_URL=", "OPENAI_API_KEY="):
        assert part in text
    assert "OPENAI_BASE_URL" not in shown(report_with("provider"))
