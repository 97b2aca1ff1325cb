"""What every engine must do, run against each of them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from quintet_audio.decode import Recording
from quintet_engines import EngineKind
from quintet_errors import DomainError, Reason
from quintet_stt.engine import Progress, Silence, SttEngine, TranscribeOptions, Transcript
from quintet_stt.engines.faster_whisper import FasterWhisperEngine
from quintet_stt.engines.pocketsphinx import PocketSphinxEngine
from quintet_stt.engines.scripted import ScriptedEngine

ENGINES = ("scripted", "pocketsphinx", "faster-whisper")
LISTENING = ENGINES[1:]


def silence(seconds: float) -> Recording:
    return Recording(np.zeros(round(seconds * 16_000), np.float32), 16_000, "wav")


def noise(seconds: float) -> Recording:
    samples = np.random.default_rng(11).normal(0, 0.05, round(seconds * 16_000))
    return Recording(samples.astype(np.float32), 16_000, "wav")


@pytest.fixture
def make_engine(tiny_whisper: Path) -> Callable[[str], SttEngine]:
    def make(name: str) -> SttEngine:
        if name == "scripted":
            return ScriptedEngine(lambda: "")
        if name == "pocketsphinx":
            return PocketSphinxEngine(choice_reason="a test")
        return FasterWhisperEngine(tiny_whisper, choice_reason="a test", compute_type="float32", cpu_threads=1)

    return make


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, make_engine: Callable[[str], SttEngine]) -> AsyncIterator[SttEngine]:
    made = make_engine(request.param)
    await made.load()
    yield made
    await made.close()


@pytest.fixture(params=LISTENING)
async def listening(
    request: pytest.FixtureRequest, make_engine: Callable[[str], SttEngine]
) -> AsyncIterator[SttEngine]:
    made = make_engine(request.param)
    yield made
    await made.close()


async def events_of(engine: SttEngine, recording: Recording, **options: object) -> list[Progress | Transcript]:
    return [event async for event in engine.transcribe(recording, TranscribeOptions(**options))]


async def transcript_of(engine: SttEngine, recording: Recording, **options: object) -> Transcript:
    last = (await events_of(engine, recording, **options))[-1]
    assert isinstance(last, Transcript)
    return last


async def test_info_is_complete_before_anything_is_loaded(make_engine):
    for name in ENGINES:
        engine = make_engine(name)
        info = engine.info()
        assert info.name == name
        assert info.choice_reason
        assert "transcription" in info.capabilities
        assert all(limit.explanation.endswith(".") for limit in info.limitations)
        await engine.close()


async def test_progress_then_exactly_one_transcript(engine, speech):
    events = await events_of(engine, speech, language="en")
    assert isinstance(events[-1], Transcript)
    assert all(isinstance(event, Progress) for event in events[:-1])
    assert events[-1].text
    assert events[-1].silence is Silence.UNSPECIFIED
    assert events[-1].language == "en"
    assert events[-1].language_probability == 1
    assert 0 < events[-1].confidence <= 1


async def test_segments_carry_the_text_and_lie_within_the_recording(engine, speech):
    transcript = await transcript_of(engine, speech, language="en-US")
    assert " ".join(segment.text for segment in transcript.segments) == transcript.text
    for segment in transcript.segments:
        assert 0 <= segment.start_s < segment.end_s <= speech.duration_s
        assert 0 < segment.confidence <= 1
        assert segment.words == ()


async def test_word_times_rise_and_the_words_are_the_text(engine, speech):
    transcript = await transcript_of(engine, speech, language="en", word_times=True)
    words = [word for segment in transcript.segments for word in segment.words]
    assert " ".join(word.text for word in words) == transcript.text
    starts = [word.start_s for word in words]
    assert starts == sorted(starts)
    assert all(word.start_s <= word.end_s <= speech.duration_s + 1e-6 for word in words)
    assert all(0 <= word.confidence <= 1 for word in words)


async def test_same_recording_gives_the_same_transcript(engine, speech):
    assert await transcript_of(engine, speech) == await transcript_of(engine, speech)


async def test_malformed_language_is_an_invalid_argument(engine, speech):
    with pytest.raises(DomainError) as failure:
        await events_of(engine, speech, language="not a tag!")
    assert failure.value.reason is Reason.INVALID_ARGUMENT
    assert failure.value.metadata == {"field": "language"}


async def test_unknown_language_is_refused_before_any_work(listening, speech):
    with pytest.raises(DomainError) as failure:
        await events_of(listening, speech, language="tlh-Latn")
    assert failure.value.reason is Reason.UNSUPPORTED_LANGUAGE
    assert failure.value.metadata == {"language": "tlh-Latn", "engine": listening.info().name}


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        (silence(0), Silence.TOO_SHORT),
        (silence(0.09), Silence.TOO_SHORT),
        (noise(0.09), Silence.TOO_SHORT),
        (silence(3), Silence.TOO_QUIET),
        (noise(3), Silence.NO_SPEECH),
    ],
)
async def test_nobody_speaks(listening, recording, expected):
    transcript = await transcript_of(listening, recording)
    assert transcript == Transcript(silence=expected)


@pytest.mark.slow
async def test_progress_of_a_long_recording_rises(listening, long_speech):
    shares = [event.share for event in await events_of(listening, long_speech) if isinstance(event, Progress)]
    assert shares
    assert shares == sorted(shares)
    assert all(0 < share < 1 for share in shares)


@pytest.mark.slow
async def test_abandoned_recording_does_not_disturb_the_next(listening, long_speech, speech):
    alone = await transcript_of(listening, speech)
    async with aclosing(listening.transcribe(long_speech, TranscribeOptions())) as events:
        assert isinstance(await anext(events), Progress)
    cancelled = asyncio.ensure_future(transcript_of(listening, long_speech))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await transcript_of(listening, speech) == alone


async def test_cancelled_recording_ends_when_its_thread_does(listening, speech):
    begun, let_go = threading.Event(), threading.Event()

    class HeldSamples(np.ndarray):
        def __getitem__(self, key):
            begun.set()
            assert let_go.wait(10)
            return np.asarray(self)[key]

    work = asyncio.ensure_future(transcript_of(listening, Recording(speech.samples.view(HeldSamples), 16_000, "wav")))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        work.cancel()
        await asyncio.wait({work}, timeout=0.02)
        assert not work.done()
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await work


@pytest.mark.slow
async def test_short_recording_does_not_wait_for_a_long_one(listening, long_speech, speech):
    ended: list[str] = []

    async def run(name: str, recording: Recording) -> None:
        await transcript_of(listening, recording)
        ended.append(name)

    await listening.load()
    long = asyncio.ensure_future(run("long", long_speech))
    await asyncio.sleep(0)
    await asyncio.gather(*(run("short", speech) for _ in range(3)))
    assert ended == ["short", "short", "short"]
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long


async def test_kinds():
    assert ScriptedEngine(lambda: "").info().kind is EngineKind.SCRIPTED


async def test_script_sets_text_pace_and_error(speech):
    played = await events_of(ScriptedEngine(lambda: "steps=9,text=as you wish"), speech, language="de")
    assert [round(event.share, 1) for event in played[:-1]] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert (played[-1].text, played[-1].language) == ("as you wish", "de")
    with pytest.raises(DomainError) as failure:
        await events_of(ScriptedEngine(lambda: "error=ENGINE_FAILED,error_after=2"), speech)
    assert failure.value.reason is Reason.ENGINE_FAILED
