"""The Whisper engine over a tiny real model: languages, the way out of loops, memory."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from quintet_audio.decode import Recording
from quintet_errors import DomainError, Reason
from quintet_stt.engine import Silence, TranscribeOptions, Transcript
from quintet_stt.engines.faster_whisper import FasterWhisperEngine
from quintet_stt.language import primary_tag
from quintet_stt.whisper import Whisper
from quintet_stt.windows import next_window
from quintet_testing import eventually


async def transcript_of(engine: FasterWhisperEngine, recording: Recording, language: str = "") -> Transcript:
    events = [event async for event in engine.transcribe(recording, TranscribeOptions(language))]
    assert isinstance(events[-1], Transcript)
    return events[-1]


async def test_language_is_found_with_its_probability(tiny_whisper, speech):
    engine = FasterWhisperEngine(tiny_whisper, compute_type="float32")
    transcript = await transcript_of(engine, speech)
    assert transcript.text == "hello world from the tiny model"
    assert transcript.language == "en"
    assert 0.5 < transcript.language_probability <= 1
    await engine.close()


@pytest.mark.parametrize(("asked", "answered"), [("zh-CN", "zh"), ("cmn", "zh"), ("jv", "jv"), ("DE_at", "de")])
async def test_tags_are_reduced_to_what_the_model_knows(tiny_whisper, speech, asked, answered):
    engine = FasterWhisperEngine(tiny_whisper, compute_type="float32")
    assert engine.info().languages == ("de", "en", "jv", "zh")
    transcript = await transcript_of(engine, speech, asked)
    assert (transcript.language, transcript.language_probability) == (answered, 1)
    await engine.close()


@pytest.mark.parametrize("tag", ["", "e", "english!", "en--US", "../en", "é", "en-US-toolongsubtag"])
def test_what_is_no_tag(tag):
    with pytest.raises(DomainError) as failure:
        primary_tag(tag)
    assert failure.value.reason is Reason.INVALID_ARGUMENT


async def test_text_that_loops_even_over_30_s_is_no_text(looping_whisper, speech):
    engine = FasterWhisperEngine(looping_whisper, compute_type="float32")
    assert await transcript_of(engine, speech, "en") == Transcript(silence=Silence.NO_SPEECH)
    await engine.close()


async def test_model_leaves_memory_when_idle_and_returns_for_the_next_request(tiny_whisper, speech):
    engine = FasterWhisperEngine(tiny_whisper, compute_type="float32", idle_unload_s=0.05)
    await engine.load()
    assert engine.info().loaded
    await eventually(lambda: _is_unloaded(engine))
    assert (await transcript_of(engine, speech, "en")).text == "hello world from the tiny model"
    await eventually(lambda: _is_unloaded(engine))
    await engine.close()


async def _is_unloaded(engine: FasterWhisperEngine) -> bool:
    return not engine.info().loaded


async def test_stopped_work_ends_after_the_encoder(tiny_whisper, speech):
    whisper = Whisper(tiny_whisper, 1, "float32")
    window = next_window(speech, 0, 14)
    assert window.has_speech
    heard = await asyncio.to_thread(whisper.recognise, window, TranscribeOptions("en"), stopped=lambda: True)
    assert heard.segments == ()


@pytest.mark.parametrize("damage", ["absent", "cut", "garbage"])
async def test_damaged_model_is_one_clear_error(tiny_whisper, tmp_path, damage):
    folder = tmp_path / "whisper-base"
    folder.mkdir()
    for source in tiny_whisper.iterdir():
        (folder / source.name).write_bytes(source.read_bytes())
    weights = folder / "model.bin"
    if damage == "absent":
        weights.unlink()
    else:
        content = weights.read_bytes()
        weights.write_bytes(content[: len(content) // 2] if damage == "cut" else b"\x07" * 1000)
    engine = FasterWhisperEngine(folder, compute_type="float32")
    with pytest.raises(DomainError) as failure:
        await engine.load()
    assert failure.value.reason is Reason.ENGINE_FAILED
    assert "quintet models verify whisper-base" in failure.value.message
    await engine.close()


def test_damaged_tokenizer_is_found_before_the_weights_are_read(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(DomainError) as failure:
        FasterWhisperEngine(tmp_path)
    assert failure.value.reason is Reason.ENGINE_FAILED


def test_windows_cover_a_recording_and_end_in_pauses(long_speech):
    position, speech_s, borders = 0.0, 0.0, []
    while position < long_speech.duration_s:
        window = next_window(long_speech, position, 14)
        assert position <= window.start_s <= window.end_s <= window.next_s <= position + 14 + 1e-6
        speech_s += window.end_s - window.start_s
        position = window.next_s
        borders.append(position)
    assert borders[-1] == pytest.approx(long_speech.duration_s)
    assert speech_s > 0.6 * long_speech.duration_s
    for border in borders[:-1]:
        around = long_speech.samples[round((border - 0.05) * 16_000) : round((border + 0.05) * 16_000)]
        assert np.abs(around).max() < 0.01
