"""What espeak-ng itself must do: languages, hostile text, cancellation and turns."""

import asyncio
import time
from array import array
from contextlib import aclosing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quintet_engines import EngineSlots
from quintet_tts.engine import Finished, SpeechRequest, Started
from quintet_tts.engines.espeak import EspeakEngine

NATIVE = {
    "en": "The weather is fine today.",
    "es": "Buenos días, ¿cómo estás hoy?",
    "fr": "Bonjour, comment allez-vous ?",
    "de": "Guten Tag, wie geht es Ihnen?",
    "it": "Buongiorno, come stai oggi?",
    "pt": "Bom dia, como você está?",
    "ru": "Доброе утро, как дела?",
    "ja": "きょうはいいてんきです。",
    "ko": "안녕하세요, 오늘 날씨가 좋네요.",
    "zh": "你好，今天天气很好。",
    "ar": "صباح الخير، كيف حالك اليوم؟",
    "hi": "नमस्ते, आज मौसम अच्छा है।",
    "ur": "السلام علیکم، آپ کیسے ہیں؟",
    "th": "สวัสดีครับ วันนี้อากาศดี",
    "mr": "नमस्कार, आज हवामान छान आहे.",
}
LONG = "Every word of this long story is read aloud, one after the other, without any hurry at all. " * 60


@pytest.fixture
async def engine():
    engine = EspeakEngine()
    await engine.warm_up()
    yield engine
    await engine.close()


async def spoken(engine, text, **fields):
    events = [event async for event in engine.speak(SpeechRequest(text, **fields))]
    return events[0], b"".join(event for event in events if isinstance(event, bytes)), events[-1]


def loud_share(pcm):
    """Share of the 10 ms windows that hold sound."""
    samples = array("h", pcm)
    windows = [samples[at : at + 220] for at in range(0, len(samples), 220)]
    return sum(max(map(abs, window)) > 500 for window in windows) / len(windows)


@pytest.mark.parametrize("language", NATIVE)
async def test_every_language_speaks_a_native_sentence(engine, language):
    started, pcm, finished = await spoken(engine, NATIVE[language], language=language)
    assert started.language == language
    # A voice that spells foreign letters by name would need several times as long.
    assert 0.3 < finished.duration_s / len(NATIVE[language]) * 10 < 4
    assert loud_share(pcm) > 0.4
    assert language in engine.info().languages


async def test_every_listed_voice_is_audible(engine):
    for voice in engine.voices(""):
        _, pcm, _ = await spoken(engine, "one 2 aeiou", voice=voice.name)
        assert max(array("h", pcm)) > 1500, voice


async def test_hindi_and_marathi_read_the_same_text_in_their_own_way(engine):
    # Their words for these numbers differ.
    text = "आज 25, 49, 1299."
    hindi = await spoken(engine, text, language="hi")
    marathi = await spoken(engine, text, language="mr")
    assert [started.voice for started, _, _ in (hindi, marathi)] == ["hi", "mr"]
    for _, pcm, finished in (hindi, marathi):
        assert 2 < finished.duration_s < 8
        assert loud_share(pcm) > 0.4
    assert abs(hindi[2].duration_s - marathi[2].duration_s) > 0.1


async def test_limits_are_told_only_where_they_hold(engine):
    def subjects(started):
        return [limitation.subject for limitation in started.limitations]

    assert subjects((await spoken(engine, "きょうは", language="ja"))[0]) == []
    assert subjects((await spoken(engine, "今日は", language="ja"))[0]) == ["language:ja"]
    # Of texts that are still to come, kanji may be part.
    assert subjects(engine.announce(SpeechRequest("", "ja"))) == ["language:ja"]
    assert subjects(engine.announce(SpeechRequest("", "en"))) == []
    assert subjects((await spoken(engine, "今日は", language="zh"))[0]) == []
    assert subjects((await spoken(engine, "ดี", language="th-TH"))[0]) == ["language:th"]
    assert subjects((await spoken(engine, "Hello", speaking_rate=0.25))[0]) == ["speaking_rate"]
    assert {"language:ja", "language:th"} <= {limitation.subject for limitation in engine.info().limitations}


async def test_kanji_are_read_as_letters_so_the_limitation_is_true(engine):
    kanji = await spoken(engine, "今日天気", language="ja")
    kana = await spoken(engine, "きょうてんき", language="ja")
    assert kanji[2].duration_s > 3 * kana[2].duration_s


async def test_variant_changes_the_voice(engine):
    plain = await spoken(engine, "The same words.")
    varied = await spoken(engine, "The same words.", voice="+f3")
    assert varied[0].voice == "en-us+f3"
    assert varied[1][:20000] != plain[1][:20000]


HOSTILE = {
    "nul": "before\x00after",
    "controls": "".join(map(chr, range(32))) + "words",
    "espeak command": "\x01300R fast \x01V3 words",
    "ssml": '<speak><break time="60s"/><audio src="file:///etc/passwd"/>words</speak>',
    "phonemes": "[[h@l'oU]] words",
    "markup": "&lt;b&gt; &#0; </p> words",
    "emoji": "😀👨‍👩‍👧🏳️‍🌈 words",
    "combining": "z" + "\u0301\u0323" * 10000,
    "zero width": "\u200b\u200d\ufeff\u2060" * 500,
    "bidi": "\u202eabc\u2066def\u2069",
    "surrogate": "a\ud800b",
    "digits": "9" * 3000,
    "punctuation": "?!.,;:" * 500,
    "one word": "a" * 1500,
    "many scripts": "".join(NATIVE.values()),
    "private use": "\ue000\U000f0000\uffff" * 200,
    "new lines": "\n\r\n\u2028\u2029words" * 50,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_text_is_spoken_or_silent_but_never_harmful(engine, name):
    for language in ("en", "ja", "ar"):
        _, _, finished = await spoken(engine, HOSTILE[name], language=language)
        assert isinstance(finished, Finished)
    _, _, after = await spoken(engine, NATIVE["en"])
    assert 1 < after.duration_s < 3


async def test_commands_inside_of_text_are_words(engine):
    # As a command, \x01300R would nearly double the speed of everything that follows.
    plain = await spoken(engine, "300R " + NATIVE["en"] * 5)
    command = await spoken(engine, "\x01300R " + NATIVE["en"] * 5)
    assert command[2].duration_s == pytest.approx(plain[2].duration_s, rel=0.1)


async def test_markup_is_read_aloud(engine):
    marked = await spoken(engine, "<break time='10s'/> words")
    assert 1 < marked[2].duration_s < 8


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), min_size=1, max_size=300), language=st.sampled_from(sorted(NATIVE)))
def test_any_text_in_any_language_ends(text, language):
    async def speak():
        engine = EspeakEngine()
        try:
            return await spoken(engine, text, language=language)
        finally:
            await engine.close()

    started, _, finished = asyncio.run(speak())
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)


async def test_cancelled_engine_is_idle_within_50_ms(engine):
    slots = EngineSlots(slots=4, waiting=0)
    heard = asyncio.Event()

    async def listen():
        async with slots.admit(), aclosing(engine.speak(SpeechRequest(LONG))) as events:
            async for event in events:
                if isinstance(event, bytes):
                    heard.set()
                await asyncio.sleep(0)

    idle_s = []
    for _ in range(20):
        heard.clear()
        listener = asyncio.create_task(listen())
        await asyncio.wait_for(heard.wait(), 5)
        assert slots.active == 1
        cancelled = time.perf_counter()
        listener.cancel()
        await slots.wait_idle()
        # The thread itself is free: it takes new work at once.
        await spoken(engine, "a")
        idle_s.append(time.perf_counter() - cancelled)
        assert slots.active == 0
    idle_s.sort()
    print(f"idle after a cancel: p50 {idle_s[10] * 1e3:.1f} ms, p95 {idle_s[18] * 1e3:.1f} ms")
    assert idle_s[18] < 0.05
    assert idle_s[19] < 0.25


async def test_short_text_passes_long_ones(engine):
    async def read_all(text):
        _, _, finished = await spoken(engine, text)
        return time.perf_counter(), finished.duration_s

    longs = [asyncio.create_task(read_all(LONG)) for _ in range(3)]
    async with aclosing(engine.speak(SpeechRequest(LONG))) as events:
        for _ in range(3):
            await anext(events)
    short_end, _ = await read_all("Stop.")
    assert not any(task.done() for task in longs)
    ends = [await task for task in longs]
    assert all(end > short_end for end, _ in ends)
    assert all(duration == pytest.approx(ends[0][1], rel=0.005) for _, duration in ends)


async def test_reader_that_stops_reading_holds_back_only_himself(engine):
    stopped = engine.speak(SpeechRequest(LONG))
    for _ in range(2):
        await anext(stopped)
    _, _, finished = await asyncio.wait_for(spoken(engine, NATIVE["en"]), 5)
    assert finished.duration_s > 1
    # He goes on where he was, and misses nothing.
    rest = [event async for event in stopped]
    assert isinstance(rest[-1], Finished)
    assert rest[-1].duration_s == pytest.approx((await spoken(engine, LONG))[2].duration_s, rel=0.005)


async def test_one_that_is_cancelled_while_it_waits_leaves_at_once(engine):
    async def read_all():
        return await spoken(engine, LONG)

    others = [asyncio.create_task(read_all()) for _ in range(3)]
    waiting = engine.speak(SpeechRequest(NATIVE["en"]))
    await anext(waiting)
    first_sound = asyncio.create_task(anext(waiting))
    await asyncio.sleep(0)
    first_sound.cancel()
    began = time.perf_counter()
    await asyncio.wait({first_sound})
    await waiting.aclose()
    assert time.perf_counter() - began < 0.05
    lengths = [(await other)[2].duration_s for other in others]
    assert lengths == pytest.approx([lengths[0]] * 3, rel=0.005)


async def test_foreign_symbols_make_short_turns(engine):
    """A text of symbols, each spoken by its name, must not hold the thread for minutes of sound."""
    sizes = []
    async for event in engine.speak(SpeechRequest("漢" * 600, language="ja")):
        if isinstance(event, bytes):
            sizes.append(len(event))
        await asyncio.sleep(0)
    assert max(sizes) <= 65536
    assert sum(sizes) / 2 / 22050 > 300
