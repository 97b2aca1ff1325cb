"""Conversations without the wire: however the sound is cut, and whatever is asked for, the events make sense."""

import asyncio

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from stt_talk import FakeEngine

from quintet_audio.decode import Recording
from quintet_engines import EngineSlots
from quintet_stt.admission import Lanes
from quintet_stt.streaming.conversation import Conversation
from quintet_stt.streaming.ear import Ears
from quintet_stt.streaming.events import Activity, Command, CommandDone, Event, Interim, Spoken, Started, Stopped
from quintet_stt.streaming.intake import Piece
from quintet_stt.streaming.options import StreamingOptions
from quintet_stt.streaming.outbox import Outbox
from quintet_stt.streaming.transcriber import Transcriber

RATE = 16_000
Step = bytes | Command | None
"""A piece of sound, a command, or a lack of sound for half of the pause."""


def events_of(steps: list[Step], *, interim: bool = False) -> list[Event]:
    """Returns all events of a conversation that takes these steps and is then finished."""

    async def converse() -> list[Event]:
        ears, outbox = Ears(), Outbox(10, lambda: None)
        transcriber = Transcriber(FakeEngine(), Lanes(EngineSlots(4, 4), EngineSlots(1, 0), 60))
        conversation = Conversation(StreamingOptions("en", interim=interim), ears, transcriber, outbox, 0.3)

        async def take() -> None:
            for step in steps:
                if step is None:
                    conversation.pause()
                elif isinstance(step, Command):
                    conversation.carry_out(step)
                else:
                    await conversation.hear(Piece(step))
            await conversation.finish()
            outbox.close()

        taking = asyncio.ensure_future(take())
        events = [event async for event in conversation.events()]
        await taking
        await conversation.close()
        ears.close()
        return events

    return asyncio.run(converse())


def talk_of(speech: Recording) -> bytes:
    rng = np.random.default_rng(8)
    pause, breath = np.zeros(round(1.1 * RATE)), np.zeros(round(0.4 * RATE))
    samples = np.concatenate([pause, speech.samples, breath, speech.samples, pause, speech.samples, pause])
    return ((samples + rng.normal(0, 0.0005, len(samples))) * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes()


def cut(data: bytes, sizes: list[int]) -> list[Step]:
    steps: list[Step] = []
    start = 0
    while start < len(data):
        size = sizes[len(steps) % len(sizes)]
        steps.append(data[start : start + size])
        start += size
    return steps


@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(301, 60_000), min_size=1, max_size=8))
def test_cuts_make_no_difference_to_what_is_told(speech, sizes):
    data = talk_of(speech)

    def told(steps: list[Step]) -> list[tuple[object, ...]]:
        events = [event for event in events_of(steps) if not isinstance(event, Activity)]
        # Texts come beside the sound: their place among the other events is not fixed, and neither is their number.
        marks = [event for event in events if isinstance(event, Started | Stopped)]
        spans = [(event.start_s, event.end_s, event.offset_s) for event in events if isinstance(event, Spoken)]
        return [*marks, *spans]

    whole = told([data])
    assert [type(event) for event in whole] == [Started, Stopped, Started, Stopped, tuple, tuple]
    assert told(cut(data, sizes)) == whole


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("speech"), st.integers(200, 40_000)),
        st.tuples(st.just("silence"), st.integers(200, 40_000)),
        st.tuples(st.sampled_from(["end", "reset", "lack"]), st.just(0)),
    ),
    max_size=15,
)


@settings(max_examples=25, deadline=None)
@given(kinds=STEPS)
def test_events_are_in_order_whatever_happens(speech, kinds):
    pcm = (speech.samples * 32_767).astype("<i2").tobytes()
    steps_of = {
        "speech": lambda size: (pcm * 2)[:size],
        "silence": bytes,
        "end": lambda _: Command.END_UTTERANCE,
        "reset": lambda _: Command.RESET,
        "lack": lambda _: None,
    }
    steps = [steps_of[kind](size) for kind, size in kinds]
    in_speech, owed = False, 0
    for event in (events := events_of(steps, interim=True)):
        match event:
            case Started():
                assert not in_speech
                in_speech = True
            case Stopped(is_utterance=is_utterance):
                assert in_speech
                in_speech, owed = False, owed + is_utterance
            case Interim():
                assert in_speech
            case Spoken():
                assert owed
                owed -= 1
            case CommandDone(Command.RESET):
                in_speech, owed = False, 0
            case CommandDone(Command.END_UTTERANCE):
                assert not in_speech
    assert not in_speech
    assert not owed
    assert sum(isinstance(event, Activity) for event in events) == sum(isinstance(step, bytes) for step in steps)
    starts = [event.start_s for event in events if isinstance(event, Spoken)]
    assert starts == sorted(starts)
