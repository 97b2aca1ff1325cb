"""The settings of a provider, and the service as a process that asks one."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager

import grpc
import psutil
import pytest
from provider_server import ANSWER, status

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.chat.v1 import chat_service_pb2_grpc as rpc
from quintet_llm.__main__ import choose_engine
from quintet_llm.settings import LlmSettings
from quintet_rpc.channel import create_channel
from quintet_rpc.settings import load_settings

KEY = "sk-test-0123456789abcdef"
LARGEST_RESIDENT = 150 << 20


def environment(**variables):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("QUINTET_", "OPENAI_"))}
    return clean | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)} | variables


def described(**variables):
    command = [sys.executable, "-m", "quintet_llm", "--describe"]
    return subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def settings(monkeypatch):
    """Returns what the settings are with these variables."""

    def read(**variables):
        for name in [name for name in os.environ if name.startswith(("QUINTET_", "OPENAI_"))]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings(LlmSettings)

    return read


def test_variables_of_the_sdk_are_enough(settings):
    assert choose_engine(settings()).info().name == "grounded"
    by_key = choose_engine(settings(OPENAI_API_KEY=KEY)).info()
    assert "OpenAI at api.openai.com" in by_key.choice_reason
    by_address = choose_engine(settings(OPENAI_BASE_URL="http://127.0.0.1:11434/v1/")).info()
    assert "Ollama at 127.0.0.1:11434" in by_address.choice_reason
    assert choose_engine(settings(OPENAI_API_KEY=KEY, QUINTET_LLM_ENGINE="grounded")).info().name == "grounded"


def test_own_settings_count_more_and_no_key_goes_astray(settings):
    both = {"OPENAI_BASE_URL": "https://a.example/v1", "OPENAI_API_KEY": f" {KEY}\n"}
    assert settings(**both).provider_api_key.get_secret_value() == KEY
    elsewhere = settings(**both, QUINTET_LLM_PROVIDER_BASE_URL="http://127.0.0.1:1/v1")
    assert elsewhere.provider_base_url == "http://127.0.0.1:1/v1"
    assert elsewhere.provider_api_key.get_secret_value() == ""
    own = settings(**both, QUINTET_LLM_PROVIDER_API_KEY="sk-own")
    assert own.provider_api_key.get_secret_value() == "sk-own"
    assert not settings(**both, QUINTET_LLM_PROVIDER_BASE_URL="", QUINTET_LLM_PROVIDER_API_KEY="").has_provider


def test_a_map_of_models_is_read(settings):
    read = settings(QUINTET_LLM_PROVIDER_MODEL_MAP="fast=llama3.2:1b, big = a/b=c")
    assert read.provider_model_map == {"fast": "llama3.2:1b", "big": "a/b=c"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"OPENAI_BASE_URL": f"http://user:{KEY}@a.example/v1"},
        {"OPENAI_BASE_URL": f"http://a.example/v1?key={KEY}"},
        {"OPENAI_BASE_URL": f"{KEY}.example"},
        {"OPENAI_BASE_URL": "http://a:99999/v1"},
        {"OPENAI_API_KEY": f"{KEY}\nX-Injected: 1"},
        {"OPENAI_API_KEY": f"{KEY}é"},
        {"QUINTET_LLM_PROVIDER_MODEL_MAP": KEY},
        {"QUINTET_LLM_PROVIDER_READ_TIMEOUT_S": "0", "OPENAI_API_KEY": KEY},
    ],
)
def test_wrong_settings_are_one_sentence_without_the_key(settings, wrong, capsys):
    with pytest.raises(SystemExit):
        settings(**wrong)
    sentence = capsys.readouterr().err
    assert sentence.count("QUINTET_LLM_PROVIDER_") == 1
    assert KEY not in sentence


@pytest.mark.slow
def test_a_provider_that_is_asked_for_must_be_named():
    done = described(QUINTET_LLM_ENGINE="provider")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "needs QUINTET_LLM_PROVIDER_BASE_URL" in done.stderr


@pytest.mark.slow
def test_description_names_the_address_and_not_the_key():
    done = described(OPENAI_API_KEY=KEY, QUINTET_LLM_PROVIDER_MODEL="m")
    engine = json.loads(done.stdout)
    assert (engine["name"], engine["kind"], engine["model"]) == ("provider", "remote", "m")
    assert "api.openai.com" in engine["choice_reason"]
    assert KEY not in done.stdout + done.stderr


@pytest.mark.slow
def test_the_sdk_is_loaded_only_for_a_provider():
    code = "import sys, quintet_llm.selection; sys.exit(bool({'openai', 'httpx2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), timeout=60, check=False).returncode == 0


@asynccontextmanager
async def service(**variables):
    """Gives the process, a stub, and the list of its log lines, once it serves."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quintet_llm"),
        env=environment(QUINTET_LLM_LISTEN_ADDR="127.0.0.1:0", QUINTET_LLM_METRICS_ADDR="127.0.0.1:0", **variables),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    lines = []
    try:
        async with asyncio.timeout(60):
            while not lines or lines[-1].get("event") != "serving":
                lines.append(json.loads(await process.stdout.readline()))
        port = next(line["ports"][0] for line in lines if line["event"] == "listening")
        async with create_channel(f"127.0.0.1:{port}") as channel:
            yield process, rpc.ChatServiceStub(channel), lines
    finally:
        process.terminate()
        rest, _ = await process.communicate()
        lines += [_event(line) for line in rest.splitlines()]


def _event(line):
    """Reads a line of the log; what a library writes past the log at the end is kept as it is, to look for secrets."""
    try:
        return json.loads(line)
    except ValueError:
        return {"event": line.decode(errors="replace")}


def request(text):
    return pb.StreamChatRequest(messages=[pb.ChatMessage(role=pb.ChatMessage.ROLE_USER, content=text)])


@pytest.mark.slow
async def test_the_process_says_who_answers_and_keeps_the_key_to_itself(provider):
    address = provider.url.removeprefix("http://").removesuffix("/v1")
    async with service(OPENAI_BASE_URL=provider.url, OPENAI_API_KEY=KEY) as (process, stub, lines):
        serving = lines[-1]
        assert (serving["engine"], serving["kind"], serving["model"]) == ("provider", "remote", "tiny-chat")
        assert address in serving["why"]
        call = stub.StreamChat(request("Why do bees dance?"), timeout=20)
        assert "".join([one.text_delta async for one in call]) == ANSWER
        assert psutil.Process(process.pid).memory_info().rss < LARGEST_RESIDENT
        provider.misbehave = status(401, {"error": {"message": f"bad key {KEY}", "code": KEY}})
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            _ = [one async for one in stub.StreamChat(request("Why do bees dance?"), timeout=20)]
        engine = (await stub.GetEngine(pb.GetEngineRequest())).engine
        port = next(line["port"] for line in lines if line["event"] == "metrics_listening")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        metrics = (await reader.read()).decode()
        writer.close()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert 'model="tiny-chat"' in metrics
    assert "QUINTET_LLM_PROVIDER_API_KEY" in caught.value.details()
    assert not engine.loaded
    for text in (repr(caught.value), str(engine), metrics, json.dumps(lines)):
        assert KEY not in text
