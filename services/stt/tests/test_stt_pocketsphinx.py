"""The embedded engine's process: it starts when needed, comes back when killed, and goes when idle."""

import asyncio
import os
import signal
import subprocess
import sys

import psutil
import pytest

from quintet_errors import DomainError, Reason
from quintet_stt.engine import TranscribeOptions, Transcript
from quintet_stt.engines.pocketsphinx import PocketSphinxEngine
from quintet_testing import eventually


async def transcript_of(engine, recording, language="") -> Transcript:
    return [event async for event in engine.transcribe(recording, TranscribeOptions(language))][-1]


async def test_process_starts_with_the_first_request_only(speech):
    engine = PocketSphinxEngine()
    await engine.load()
    assert not engine.info().loaded
    assert (await transcript_of(engine, speech)).text
    assert engine.info().loaded
    await engine.close()


@pytest.mark.slow
async def test_killed_process_is_replaced(speech):
    engine = PocketSphinxEngine()
    before = await transcript_of(engine, speech)
    first = await engine.worker_id()
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: _is_gone(first))
    assert await transcript_of(engine, speech) == before
    assert await engine.worker_id() != first
    await engine.close()


async def test_idle_process_ends(speech):
    engine = PocketSphinxEngine(idle_unload_s=0.05)
    await transcript_of(engine, speech)
    await eventually(lambda: _is_unloaded(engine))
    await engine.close()


async def test_close_leaves_no_process(speech):
    engine = PocketSphinxEngine()
    process_id = await engine.worker_id()
    await engine.close()
    await eventually(lambda: _is_gone(process_id))


async def test_process_ends_with_a_killed_parent():
    program = (
        "import asyncio\nfrom quintet_stt.engines.pocketsphinx import PocketSphinxEngine\n"
        "async def main():\n print(await PocketSphinxEngine().worker_id(), flush=True)\n await asyncio.sleep(60)\n"
        "if __name__ == '__main__': asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    process_id = int(await asyncio.to_thread(parent.stdout.readline))
    parent.kill()
    parent.wait()
    await eventually(lambda: _is_gone(process_id))


@pytest.mark.parametrize("language", ["hi", "de-DE", "fr"])
async def test_no_english_words_are_made_of_other_languages(speech, language):
    engine = PocketSphinxEngine()
    with pytest.raises(DomainError) as failure:
        await transcript_of(engine, speech, language)
    assert failure.value.reason is Reason.UNSUPPORTED_LANGUAGE
    assert failure.value.metadata == {"language": language, "engine": "pocketsphinx"}
    assert not engine.info().loaded
    await engine.close()


async def test_assumed_language_has_no_probability(speech):
    engine = PocketSphinxEngine()
    assumed = await transcript_of(engine, speech)
    assert (assumed.language, assumed.language_probability) == ("en", 0)
    assert (await transcript_of(engine, speech, "en-IN")).language_probability == 1
    await engine.close()


async def _is_gone(process_id: int) -> bool:
    return not psutil.pid_exists(process_id) or psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE


async def _is_unloaded(engine: PocketSphinxEngine) -> bool:
    return not engine.info().loaded
