import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quintet.tts.v1 import tts_service_pb2 as pb
from quintet.tts.v1 import tts_service_pb2_grpc as rpc
from quintet_rpc.calls import call_stream
from quintet_rpc.channel import create_channel
from quintet_rpc.settings import EXIT_WRONG_SETTINGS, ServiceSettings
from quintet_testing import eventually

PROGRAM = str(Path(__file__).with_name("speaking_process.py"))


def environment(**values: str) -> dict[str, str]:
    return {**os.environ, **{f"QUINTET_SPEAKER_{name}": value for name, value in values.items()}}


@asynccontextmanager
async def running(supervised: bool = False, **values: str):
    env = environment(LISTEN_ADDR="127.0.0.1:0", **values) | ({"QUINTET_SUPERVISED": "1"} if supervised else {})
    process = await asyncio.create_subprocess_exec(
        sys.executable, PROGRAM, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def next_event(process, name: str) -> dict:
    async with asyncio.timeout(20):
        while line := await process.stdout.readline():
            event = json.loads(line)
            if event["event"] == name:
                return event
    raise AssertionError(f"the process ended before {name}")


async def is_serving(channel) -> bool:
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_running_stream_is_finished_after_sigterm():
    async with running() as process:
        port = (await next_event(process, "listening"))["ports"][0]
        await next_event(process, "serving")
        async with create_channel(f"127.0.0.1:{port}") as channel:
            await eventually(lambda: is_serving(channel))
            stream = call_stream(rpc.TtsServiceStub(channel).Synthesize, pb.SynthesizeRequest(text="10"), deadline_s=20)
            await anext(stream)
            process.send_signal(signal.SIGTERM)
            assert len([item async for item in stream]) == 9
        await next_event(process, "closed")
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_process_ends_when_its_supervisor_is_gone():
    async with running(supervised=True) as process:
        await next_event(process, "serving")
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_failed_warm_up_is_one_sentence_and_exit_code_1():
    async with running(FAIL_WARM_UP="1") as process:
        assert await asyncio.wait_for(process.wait(), 20) == 1


def run(*arguments: str, **values: str) -> subprocess.CompletedProcess:
    return subprocess.run(  # noqa: PLW1510 - the exit code is what the tests look at
        [sys.executable, PROGRAM, *arguments], env=environment(**values), capture_output=True, text=True, timeout=30
    )


def test_describe_prints_the_engine_and_ends():
    done = run("--describe")
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[0])["choice_reason"] == "the test asked for it"


@pytest.mark.parametrize(
    ("values", "named"),
    [({"ENGIN": "x"}, "QUINTET_SPEAKER_ENGIN"), ({"SHUTDOWN_GRACE_S": "soon"}, "SHUTDOWN_GRACE_S")],
)
def test_wrong_setting_is_refused_by_name(values, named):
    done = run(**values)
    assert done.returncode == EXIT_WRONG_SETTINGS
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_taken_port_is_one_sentence(tmp_path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run(LISTEN_ADDR=f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 1
    assert "speaker cannot serve" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_setting_says_what_it_is():
    source = Path(sys.modules[ServiceSettings.__module__].__file__).read_text()
    for name in ServiceSettings.model_fields:
        assert f"    {name}: " in source
        assert '"""' in source.split(f"    {name}: ")[1].split("\n", 2)[1]
