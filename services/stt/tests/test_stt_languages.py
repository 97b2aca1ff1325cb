"""The language in which speech is heard: what was found, what is likely, and what may be spoken at all."""

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stt_talk import FakeEngine, said, silence, texts

from quintet.stt.v1 import stt_service_pb2 as pb
from quintet_errors import DomainError, Reason
from quintet_errors.status import from_rpc_error
from quintet_stt.engine import LanguageHints, TranscribeOptions, Transcript
from quintet_stt.engines.faster_whisper import FasterWhisperEngine
from quintet_stt.language import spoken_language
from quintet_stt.messages import hints_of
from quintet_testing import eventually

GUESS = {"pt": 0.3, "en": 0.2, "hi": 0.1, "th": 0.4}
SURE = {"pt": 0.9, "en": 0.1}


@pytest.mark.parametrize(
    ("probabilities", "among", "likely", "expected"),
    [
        (SURE, (), "en", ("pt", 0.9)),
        (SURE, ("en", "hi"), "", ("en", 1.0)),
        (GUESS, (), "", ("th", 0.4)),
        (GUESS, (), "en", ("en", 0.2)),
        (GUESS, (), "mr", ("mr", 0.0)),
        (GUESS, ("en", "hi", "mr"), "hi", ("en", 2 / 3)),
        ({**GUESS, "mr": 0.19}, ("en", "hi", "mr"), "hi", ("hi", 0.1 / 0.49)),
        ({**GUESS, "mr": 0.19}, ("en", "hi", "mr"), "", ("en", 0.2 / 0.49)),
        ({"pt": 0.5, "en": 0.5}, (), "en", ("pt", 0.5)),
        (GUESS, ("xx",), "en", ("en", 0.2)),
        ({"pt": 1.0, "en": 0.0, "hi": 0.0}, ("en", "hi"), "hi", ("hi", 0.0)),
        ({"en": 1.0}, ("hi",), "", ("en", 1.0)),
    ],
)
def test_language_of_probabilities(probabilities, among, likely, expected):
    language, probability = spoken_language(probabilities, among, likely)
    assert (language, probability) == (expected[0], pytest.approx(expected[1]))


CODES = st.sampled_from(["en", "hi", "mr", "th", "pt"])


@given(st.dictionaries(CODES, st.floats(0, 1), min_size=1), st.sets(CODES), st.one_of(st.just(""), CODES))
def test_language_is_one_that_may_be_spoken_and_a_guess_is_never_sure(probabilities, among, likely):
    language, probability = spoken_language(probabilities, among, likely)
    assert language in {likely, *(among & probabilities.keys() or probabilities)}
    assert 0 <= probability <= 1 + 1e-9
    if probability < 0.5 and likely:
        assert language == likely


@pytest.mark.parametrize("config", [pb.TranscribeConfig, pb.StreamingTranscribeConfig])
def test_hints_are_reduced_to_spoken_languages(config):
    assert hints_of(config()) == LanguageHints()
    assert hints_of(config(likely_language="en-IN", languages=["hi-IN", "cmn"])) == LanguageHints("en", ("hi", "zh"))
    for field, wrong in (("likely_language", "!"), ("languages", ["en", ""])):
        with pytest.raises(DomainError) as failure:
            hints_of(config(**{field: wrong}))
        assert (failure.value.reason, failure.value.metadata["field"]) == (Reason.INVALID_ARGUMENT, field)


async def heard(model, recording, **options) -> Transcript:
    engine = FasterWhisperEngine(model, compute_type="float32")
    try:
        events = [event async for event in engine.transcribe(recording, TranscribeOptions(**options))]
    finally:
        await engine.close()
    assert isinstance(events[-1], Transcript)
    return events[-1]


@pytest.mark.parametrize(
    ("likely", "among", "language", "probability"),
    [
        ("", (), "de", 0.4),
        ("en", (), "en", 0.24),
        ("jv", (), "jv", 0.3),
        ("fr", (), "de", 0.4),
        ("en", ("en", "zh"), "en", 0.8),
        ("de", ("zh", "jv", "fr"), "jv", 0.3 / 0.36),
        ("en", ("fr",), "en", 0.24),
    ],
)
async def test_guess_gives_way_to_what_is_likely(guessing_whisper, speech, *, likely, among, language, probability):
    transcript = await heard(guessing_whisper, speech, hints=LanguageHints(likely, among))
    assert transcript.text == "hello world from the tiny model"
    assert (transcript.language, transcript.language_probability) == (language, pytest.approx(probability, abs=0.02))


async def test_long_recording_is_heard_in_one_language(guessing_whisper, long_speech):
    transcript = await heard(guessing_whisper, long_speech, hints=LanguageHints("en"))
    assert (transcript.language, len(transcript.segments)) == ("en", 2)


async def test_only_a_named_language_is_contradicted(doubtful_whisper, speech):
    with pytest.raises(DomainError) as failure:
        await heard(doubtful_whisper, speech, language="en")
    assert failure.value.reason is Reason.UNSUPPORTED_LANGUAGE
    kept = await heard(doubtful_whisper, speech, language="en", keeps_language=True)
    likely = await heard(doubtful_whisper, speech, hints=LanguageHints("en"))
    assert {kept.text, likely.text} == {"hello world from the tiny model"}
    assert {kept.language, likely.language} == {"en"}
    assert (kept.language_probability, likely.language_probability) == (1, pytest.approx(0.05, abs=0.02))


async def test_conversation_takes_what_is_doubtful_as_it_is_heard(talking, doubtful_whisper, speech):
    engine = FasterWhisperEngine(doubtful_whisper, compute_type="float32")
    async with talking(engine) as open_talk:
        found = await one_utterance(open_talk(likely_language="en"), speech)
        named = await one_utterance(open_talk(language="en"), speech)
    assert (found.text, found.language, found.error_reason) == ("hello world from the tiny model", "en", "")
    assert (named.text, named.error_reason) == ("", "UNSUPPORTED_LANGUAGE")


async def one_utterance(talk, speech):
    events = await talk.say(np.concatenate([speech.samples, silence(1.5)]))
    events += await talk.end()
    return next(event.utterance for event in events if event.WhichOneof("event") == "utterance")


async def test_conversation_knows_its_language_from_what_was_said_before(talking, speech):
    spoken = [said("of eighty?", "en", 0.3), said("What is it?", "en", 0.9), said("of eighty?", "en", 1.0)]
    engine = FakeEngine(lambda number: spoken[number - 1])
    async with talking(engine) as open_talk:
        talk = open_talk(likely_language="en", languages=["en", "hi"])
        events = []
        for _ in spoken:
            events += await talk.say(np.concatenate([speech.samples, silence(1.5)]))
        events += await talk.end()
    assert texts(events) == [transcript.text for transcript in spoken]
    asked = [options for _, options in engine.asked]
    assert [options.language for options in asked] == ["", "", "en"]
    assert all(options.hints == LanguageHints("en", ("en", "hi")) and options.keeps_language for options in asked)


async def test_named_language_of_a_conversation_is_not_kept_at_any_price(talking, speech):
    engine = FakeEngine()
    async with talking(engine, interim_seconds=0.3) as open_talk:
        talk = open_talk(language="en", interim=True)
        await talk.say(np.concatenate([speech.samples, silence(1.5)]))
        await talk.end()
        await eventually(lambda: _is(len(engine.asked) >= 2))
    assert {(options.language, options.keeps_language) for _, options in engine.asked} == {("en", False)}


async def _is(value: bool) -> bool:
    return value


async def test_wrong_hint_ends_a_stream(talking):
    async with talking(FakeEngine()) as open_talk:
        talk = open_talk(likely_language="english!")
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await talk.say(silence(0.1))
    assert from_rpc_error(failure.value).reason is Reason.INVALID_ARGUMENT
