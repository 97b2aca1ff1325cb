"""What every engine must do, run against each of them."""

import asyncio
from array import array

import pytest

from quintet_errors import DomainError, Reason
from quintet_tts.engine import Finished, SpeechRequest, Started
from quintet_tts.engines.espeak import EspeakEngine
from quintet_tts.engines.scripted import ScriptedEngine

SENTENCE = "The weather is fine today, and the birds sing."


@pytest.fixture(params=["espeak", "scripted"])
async def engine(request):
    engine = EspeakEngine() if request.param == "espeak" else ScriptedEngine(lambda: "")
    await engine.warm_up()
    yield engine
    await engine.close()


async def spoken(engine, text=SENTENCE, **fields):
    """Returns the first event, the sound, and the last event."""
    events = [event async for event in engine.speak(SpeechRequest(text, **fields))]
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    sound = events[1:-1]
    assert all(isinstance(piece, bytes) and 0 < len(piece) <= 65536 and len(piece) % 2 == 0 for piece in sound)
    return events[0], b"".join(sound), events[-1]


async def test_sound_is_what_the_events_say(engine):
    started, pcm, finished = await spoken(engine)
    assert started.sample_rate_hz == 22050
    assert started.language == "en"
    assert finished.duration_s == pytest.approx(len(pcm) / 2 / started.sample_rate_hz, abs=0.001)
    samples = array("h", pcm)
    assert max(samples) > 2000
    assert min(samples) < -2000


async def test_announcement_holds(engine):
    for fields in ({}, {"language": "en"}, {"voice": engine.voices("en")[0].name}):
        announced = engine.announce(SpeechRequest("", **fields))
        assert announced == (await spoken(engine, **fields))[0]
    with pytest.raises(DomainError) as failure:
        engine.announce(SpeechRequest("", voice="nobody"))
    assert failure.value.reason is Reason.VOICE_NOT_FOUND


async def test_longer_text_takes_longer(engine):
    lengths = [(await spoken(engine, " ".join([SENTENCE] * count)))[2].duration_s for count in (1, 3, 9)]
    assert lengths[0] < lengths[1] < lengths[2]
    assert lengths[2] / lengths[0] == pytest.approx(9, rel=0.25)


async def test_speed_changes_the_length(engine):
    lengths = [(await spoken(engine, speaking_rate=rate))[2].duration_s for rate in (0.5, 1.0, 2.0, 4.0)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[1] / lengths[3] == pytest.approx(4, rel=0.15)


async def test_unknown_voice_is_not_found(engine):
    with pytest.raises(DomainError) as failure:
        await spoken(engine, voice="nobody")
    assert failure.value.reason is Reason.VOICE_NOT_FOUND


async def test_every_listed_voice_speaks_its_name(engine):
    assert engine.voices("en")
    assert engine.voices("xx") == []
    for voice in engine.voices("en"):
        started, pcm, _ = await spoken(engine, "Hello.", voice=voice.name)
        assert started.voice == voice.name
        assert pcm


async def test_closing_early_leaves_the_engine_usable(engine):
    expected = len((await spoken(engine))[1])
    for taken in (0, 1, 2, 3):
        events = engine.speak(SpeechRequest(SENTENCE * 50))
        for _ in range(taken):
            await anext(events)
        await events.aclose()
    assert len((await spoken(engine))[1]) == pytest.approx(expected, rel=0.005)


async def test_requests_side_by_side_sound_as_if_alone(engine):
    texts = [f"{SENTENCE} Number {count}." * count for count in (1, 4, 12)]
    alone = [len((await spoken(engine, text))[1]) for text in texts]
    together = await asyncio.gather(*(spoken(engine, text) for text in texts))
    for (_, pcm, _), length in zip(together, alone, strict=True):
        # espeak-ng varies the length of pauses by a few samples with what was said before.
        assert len(pcm) == pytest.approx(length, rel=0.005)


async def test_engine_describes_itself(engine):
    info = engine.info()
    assert info.name in {"espeak", "scripted"}
    assert info.loaded
    assert "streaming" in info.capabilities
    assert all(limitation.subject and limitation.explanation for limitation in info.limitations)
