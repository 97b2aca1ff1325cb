"""Conversations over gRPC, with engines that do what the test says."""

from itertools import pairwise

import grpc
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from stt_talk import FakeEngine, equal, index_of, kinds, metric, said, silence, texts, until_asked

from quintet.media.v1 import audio_pb2
from quintet.stt.v1 import stt_service_pb2 as pb
from quintet_stt.engines.scripted import ScriptedEngine
from quintet_testing import eventually

END, RESET = pb.STREAMING_COMMAND_END_UTTERANCE, pb.STREAMING_COMMAND_RESET


async def test_one_utterance_from_start_to_text(talking, speech):
    async with talking(FakeEngine()) as open_talk:
        talk = open_talk(word_times=True)
        events = await talk.say(np.concatenate([silence(1), speech.samples, silence(2)]))
        events += await talk.end()
    assert kinds(events) == ["speech_started", "speech_ended", "utterance"]
    started, ended, utterance = (
        next(getattr(event, kind) for event in events if event.WhichOneof("event") == kind)
        for kind in ("speech_started", "speech_ended", "utterance")
    )
    assert started.start_offset.ToMilliseconds() == pytest.approx(1_100, abs=200)
    assert ended.is_utterance
    assert ended.end_offset.ToMilliseconds() == pytest.approx(1_000 + speech.duration_s * 1_000, abs=300)
    assert (utterance.start_offset, utterance.end_offset) == (started.start_offset, ended.end_offset)
    assert (utterance.text, utterance.language, utterance.was_speculative) == ("text 1", "en", True)
    assert utterance.delay.ToNanoseconds() == 0
    # The pre-roll of 320 ms comes before the start, and the word 250 ms into that.
    word_ms = utterance.words[0].start_offset.ToMilliseconds()
    assert word_ms == pytest.approx(started.start_offset.ToMilliseconds() - 320 + 250, abs=1)


async def test_each_piece_is_answered_at_once_while_the_engine_works(talking, speech):
    engine = FakeEngine()
    engine.open.clear()
    async with talking(engine) as open_talk:
        talk = open_talk()
        events = await talk.say(np.concatenate([speech.samples, silence(1), speech.samples, silence(1), silence(3)]))
        assert kinds(events) == ["speech_started", "speech_ended"] * 2
        activities = [event.activity for event in events if event.WhichOneof("event") == "activity"]
        assert len(activities) == -(-(2 * len(speech.samples) + 5 * 16_000) // 1_600)
        assert activities[-1].probability < 0.2
        assert not activities[-1].in_speech
        assert max(one.probability for one in activities) > 0.9
        engine.open.set()
        assert texts(await talk.end()) == ["text 1", "text 2"]


async def test_everything_in_one_message_and_then_nothing(talking, speech_wav):
    async with talking(FakeEngine()) as open_talk:
        talk = open_talk(audio_pause=Duration(nanos=500_000_000))
        await talk.send(audio=pb.StreamingAudio(data=speech_wav, encoding=audio_pb2.AUDIO_ENCODING_FILE))
        events = await talk.until("utterance")
        talk.call.cancel()
    assert kinds(events) == ["speech_started", "speech_ended", "utterance"]
    assert events[0].WhichOneof("event") == "activity"
    # It was transcribed in the first half of the pause.
    assert events[-1].utterance.was_speculative


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
async def test_other_rates_and_floats(talking, speech, rate):
    positions = np.arange(0, len(speech.samples), 16_000 / rate)
    samples = np.interp(positions, np.arange(len(speech.samples)), speech.samples).astype("<f4")
    samples = np.concatenate([samples, np.zeros(rate, "<f4")])
    async with talking(FakeEngine()) as open_talk:
        talk = open_talk()
        for start in range(0, len(samples), 4_001):
            data = samples[start : start + 4_001].tobytes()
            encoding = audio_pb2.AUDIO_ENCODING_PCM_F32LE
            await talk.send(audio=pb.StreamingAudio(data=data, encoding=encoding, sample_rate_hz=rate))
        assert kinds(await talk.end()) == ["speech_started", "speech_ended", "utterance"]


async def test_speech_that_goes_on_discards_what_was_begun_in_the_pause(talking, speech):
    engine = FakeEngine()
    engine.open.clear()
    before = metric("quintet_speculations_total", outcome="discarded")
    async with talking(engine) as open_talk:
        talk = open_talk()
        await talk.say(np.concatenate([speech.samples, silence(0.5)]))
        await until_asked(engine, 1)
        events = await talk.say(speech.samples)
        assert kinds(events) == []
        await eventually(lambda: equal(lambda: engine.stopped, 1))
        engine.open.set()
        events = await talk.say(silence(1.5))
        events += await talk.end()
    assert texts(events) == ["text 2"]
    assert engine.asked[1][0] > 1.8 * engine.asked[0][0]
    assert metric("quintet_speculations_total", outcome="discarded") == before + 1


async def test_text_that_is_not_ready_is_waited_for(talking, speech):
    engine = FakeEngine()
    engine.open.clear()
    async with talking(engine) as open_talk:
        talk = open_talk()
        assert kinds(await talk.say(np.concatenate([speech.samples, silence(1.5)])))[-1] == "speech_ended"
        engine.open.set()
        utterance = (await talk.until("utterance"))[-1].utterance
        await talk.end()
    assert (utterance.text, utterance.was_speculative) == ("text 1", False)
    assert utterance.delay.ToNanoseconds() > 0
    assert len(engine.asked) == 1


async def test_language_is_found_once_and_only_if_sure(talking, speech):
    spoken = [said("आज", "hi", 0.4), said("नमस्कार", "mr", 0.8), said("धन्यवाद", "mr", 1.0)]
    engine = FakeEngine(lambda number: spoken[number - 1])
    async with talking(engine) as open_talk:
        talk = open_talk()
        for _ in spoken:
            await talk.say(np.concatenate([speech.samples, silence(1.5)]))
        await talk.end()
    assert [options.language for _, options in engine.asked] == ["", "", "mr"]


@pytest.mark.parametrize(("language", "text"), [("hi", "आज मौसम कैसा है?"), ("mr-IN", "आज हवामान कसे आहे?")])
async def test_turns_in_other_scripts(talking, speech, language, text):
    async with talking(ScriptedEngine(lambda: f"text={text}")) as open_talk:
        talk = open_talk(language=language, word_times=True)
        events = await talk.say(np.concatenate([speech.samples, silence(1.5)]))
        events += await talk.end()
    utterance = events[index_of(events, "utterance")].utterance
    assert (utterance.text, utterance.language) == (text, language[:2])
    assert [word.text for word in utterance.words] == text.split()


async def test_interim_texts_of_the_same_utterance_only(talking, speech):
    engine = FakeEngine()
    async with talking(engine, interim_seconds=0.5) as open_talk:
        talk = open_talk(interim=True)
        events = await talk.say(np.concatenate([speech.samples, speech.samples]))
        events += await talk.say(silence(1.5))
        events += await talk.end()
    found = kinds(events)
    assert found[0] == "speech_started"
    assert found.count("interim") >= 2
    assert found[-2:] == ["speech_ended", "utterance"]
    told = [event.interim.text for event in events if event.WhichOneof("event") == "interim"]
    assert all(first != second for first, second in pairwise(told))


async def test_interim_texts_give_way(talking, speech):
    engine = FakeEngine()
    engine.open.clear()
    sent = metric("quintet_interim_texts_total", outcome="sent")
    async with talking(engine, interim_seconds=0.5) as open_talk:
        talk, other = open_talk(interim=True), open_talk(interim=True)
        await talk.say(speech.samples)
        await until_asked(engine, 1)
        # While one interim text is at work no other one begins; a text that is needed stops it.
        await other.say(speech.samples)
        assert len(engine.asked) == 1
        await other.say(silence(0.5))
        await until_asked(engine, 2)
        await eventually(lambda: equal(lambda: engine.stopped, 1))
        # An engine that is at work for somebody has no time for interim texts.
        await talk.say(speech.samples)
        assert len(engine.asked) == 2
        engine.open.set()
        events = await other.say(silence(1))
        events += await other.end()
        assert texts(events) == ["text 2"]
        talk.call.cancel()
    assert metric("quintet_interim_texts_total", outcome="sent") <= sent + 1


async def test_end_command_ends_the_utterance_now(talking, speech):
    async with talking(FakeEngine()) as open_talk:
        talk = open_talk()
        await talk.say(speech.samples)
        await talk.send(command=END)
        events = await talk.until("command_done")
        assert kinds(events) == ["speech_ended", "command_done"]
        assert (await talk.until("utterance"))[-1].utterance.text == "text 1"
        await talk.send(command=END)
        assert kinds(await talk.until("command_done")) == ["command_done"]
        assert kinds(await talk.end()) == []


async def test_reset_forgets_everything(talking, speech):
    engine = FakeEngine()
    engine.open.clear()
    async with talking(engine) as open_talk:
        talk = open_talk()
        await talk.say(np.concatenate([speech.samples, silence(1.5), speech.samples]))
        await talk.send(command=RESET)
        assert kinds(await talk.until("command_done")) == ["command_done"]
        await eventually(lambda: equal(lambda: engine.at_work, 0))
        engine.open.set()
        events = await talk.say(silence(2))
        assert events[0].activity.in_speech is False
        events += await talk.say(np.concatenate([speech.samples, silence(1.5)]))
        events += await talk.end()
    assert kinds(events) == ["speech_started", "speech_ended", "utterance"]
    # Offsets still count from the start of the stream.
    start_ms = events[index_of(events, "utterance")].utterance.start_offset.ToMilliseconds()
    assert start_ms > (2 * speech.duration_s + 3.4) * 1_000


async def test_half_close_finishes_what_is_unfinished(talking, speech):
    async with talking(FakeEngine()) as open_talk:
        talk = open_talk()
        await talk.say(speech.samples)
        assert kinds(await talk.end()) == ["speech_ended", "utterance"]
        assert await talk.call.code() is grpc.StatusCode.OK
