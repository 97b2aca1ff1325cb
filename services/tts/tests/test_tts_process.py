"""The service as a process of its own."""

import asyncio
import json
import os
import signal
import sys
import time

import psutil
import pytest

from quintet.media.v1 import audio_pb2
from quintet.tts.v1 import tts_service_pb2 as pb
from quintet.tts.v1 import tts_service_pb2_grpc as rpc
from quintet_rpc.calls import call_stream
from quintet_rpc.channel import create_channel


async def start(tmp_path, *arguments, **settings):
    environment = os.environ | {f"QUINTET_TTS_{key.upper()}": value for key, value in settings.items()}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "quintet_tts", *arguments, env=environment, cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def logged(process, event):
    async for line in process.stdout:
        if line.startswith(b"{") and (entry := json.loads(line))["event"] == event:
            return entry
    raise AssertionError((await process.stderr.read()).decode())


async def test_process_speaks_with_little_memory_and_ends_in_order(tmp_path):
    process = await start(tmp_path, listen_addr="127.0.0.1:0")
    try:
        port = (await asyncio.wait_for(logged(process, "listening"), 30))["ports"][0]
        await asyncio.wait_for(logged(process, "serving"), 30)
        ready = psutil.Process(process.pid).memory_info().rss / 2**20
        async with create_channel(f"127.0.0.1:{port}") as channel:
            speak = rpc.TtsServiceStub(channel).Synthesize
            for encoding in (audio_pb2.AUDIO_ENCODING_PCM_S16LE, audio_pb2.AUDIO_ENCODING_MP3):
                request = pb.SynthesizeRequest(text="Good morning.", encoding=encoding)
                began = time.perf_counter()
                call = call_stream(speak, request, deadline_s=10)
                while not (await anext(call)).audio:
                    pass
                print(f"first sound {encoding}: {(time.perf_counter() - began) * 1e3:.1f} ms")
                await call.aclose()
        used = psutil.Process(process.pid).memory_info().rss / 2**20
        print(f"resident: {ready:.0f} MiB ready, {used:.0f} MiB after MP3")
        # FFmpeg's libraries are 19 of these: they are loaded before the first caller, who would wait for them.
        assert ready < 95
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(("engine", "name"), [("auto", "espeak"), ("espeak", "espeak"), ("scripted", "scripted")])
async def test_describe_tells_the_engine(tmp_path, engine, name):
    process = await start(tmp_path, "--describe", engine=engine)
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors
    described = json.loads(output)
    assert described["name"] == name
    assert described["choice_reason"]


async def test_unknown_engine_is_refused_in_one_sentence(tmp_path):
    process = await start(tmp_path, engine="coqui")
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 78
    assert b"QUINTET_TTS_ENGINE" in errors
    assert b"Traceback" not in errors
