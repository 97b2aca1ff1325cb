"""The service as a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys

import psutil
import pytest

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.chat.v1 import chat_service_pb2_grpc as rpc
from quintet_rpc.channel import create_channel

LARGEST_RESIDENT = 100 << 20


def command(*arguments):
    return [sys.executable, "-m", "quintet_llm", *arguments]


def environment(**settings):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("QUINTET_", "OPENAI_"))}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return clean | {"PYTHONPATH": path} | {f"QUINTET_LLM_{name.upper()}": value for name, value in settings.items()}


@pytest.fixture
def process():
    started = subprocess.Popen(command(), env=environment(listen_addr="127.0.0.1:0"), stdout=subprocess.PIPE, text=True)
    yield started
    started.kill()
    started.wait()
    started.stdout.close()


def test_it_describes_itself_without_serving():
    done = subprocess.run(
        command("--describe"), env=environment(), capture_output=True, text=True, timeout=60, check=True
    )
    described = json.loads(done.stdout)
    assert described["name"] == "grounded"
    assert described["loaded"] is False
    assert "embedding" in described["others"]


def test_unknown_engine_is_refused_with_a_sentence():
    done = subprocess.run(
        command(), env=environment(engine="gpt"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 78
    assert "QUINTET_LLM_ENGINE" in done.stderr


@pytest.mark.slow
async def test_it_answers_stays_small_and_ends_orderly(process):
    port, seen = None, ""
    for line in process.stdout:
        seen += line
        if found := re.search(r'"ports": \[(\d+)\]', line):
            port = int(found[1])
        if '"serving"' in line:
            break
    assert port, seen
    async with create_channel(f"127.0.0.1:{port}") as channel:
        stub = rpc.ChatServiceStub(channel)
        message = pb.ChatMessage(role=pb.ChatMessage.ROLE_USER, content="how many feet in a mile")
        texts = [one.text_delta async for one in stub.StreamChat(pb.StreamChatRequest(messages=[message]), timeout=20)]
    assert "5280" in "".join(texts)
    assert psutil.Process(process.pid).memory_info().rss < LARGEST_RESIDENT
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
