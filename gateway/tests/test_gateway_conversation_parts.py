"""What a spoken conversation is made of: its queue, its player's clock, and who has the floor."""

import asyncio

import pytest

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AUDIO_ENCODING_PCM_S16LE, AUDIO_ENCODING_WAV, AudioFormat
from quintet_gateway.assistant.voice.bounded_queue import BoundedQueue
from quintet_gateway.assistant.voice.floor import MOST_QUESTIONS, Floor
from quintet_gateway.assistant.voice.pacing import Playout, bytes_per_second, pieces


async def waits(task):
    """Lets everything else run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)
    return not task.done()


async def test_queue_lets_writers_in_by_turns_as_room_comes():
    queue = BoundedQueue(10)
    assert await queue.put("a", 6)
    assert await queue.put("b", 4)
    large = asyncio.create_task(queue.put("c", 8))
    small = asyncio.create_task(queue.put("d", 1))
    assert await waits(large)
    assert await queue.get() == "a"
    # The small one would fit, but it came later.
    assert await waits(large)
    assert await waits(small)
    assert [await queue.get(), await queue.get(), await queue.get()] == ["b", "c", "d"]
    assert await large
    assert await small


async def test_queue_takes_one_item_of_any_size():
    queue = BoundedQueue(10)
    assert await queue.put("huge", 1000)
    second = asyncio.create_task(queue.put("b", 1))
    assert await waits(second)
    assert await queue.get() == "huge"
    assert await second


async def test_queue_lets_everybody_go_when_it_is_closed():
    queue = BoundedQueue(1)
    await queue.put("a")
    writer = asyncio.create_task(queue.put("b"))
    await waits(writer)
    queue.close()
    assert not await writer
    assert not await queue.put("c")
    queue.put_now("d")
    assert [await queue.get(), await queue.get()] == ["a", None]
    empty = BoundedQueue(1)
    reader = asyncio.create_task(empty.get())
    assert await waits(reader)
    empty.close()
    assert await reader is None


async def test_queue_drops_what_is_not_wanted_and_gives_the_room_to_others():
    queue = BoundedQueue(3)
    for item in (1, 2, 3):
        await queue.put(item)
    writer = asyncio.create_task(queue.put(5))
    assert await waits(writer)
    queue.drop(lambda item: item != 2)
    assert await writer
    assert [await queue.get(), await queue.get()] == [2, 5]


async def test_writer_that_gives_up_puts_nothing_and_lets_the_next_one_in():
    queue = BoundedQueue(1)
    await queue.put("a")
    first, second = asyncio.create_task(queue.put("b")), asyncio.create_task(queue.put("c"))
    assert await waits(second)
    first.cancel()
    assert await queue.get() == "a"
    assert await queue.get() == "c"
    assert first.cancelled()


def test_what_can_have_been_heard_follows_the_clock_of_a_player():
    now = 100.0
    playout = Playout(lambda: now)
    assert (playout.sent_s, playout.played_s, playout.ahead_s) == (0.0, 0.0, 0.0)
    now = 105.0
    playout.sent(0.5)
    playout.sent(0.5)
    assert (playout.sent_s, playout.played_s, playout.ahead_s) == (1.0, 0.0, 1.0)
    now = 105.75
    assert (playout.played_s, playout.ahead_s) == (0.75, 0.25)
    now = 110.0
    assert (playout.played_s, playout.ahead_s) == (1.0, 0.0)
    # The player was silent for lack of sound, and that time has played nothing.
    playout.sent(2.0)
    now = 111.0
    assert (playout.sent_s, playout.played_s, playout.ahead_s) == (3.0, 2.0, 1.0)


@pytest.mark.parametrize(
    ("encoding", "rate", "channels", "bit_rate", "expected"),
    [
        (AUDIO_ENCODING_PCM_S16LE, 24_000, 1, 0, 48_000),
        (AUDIO_ENCODING_WAV, 22_050, 1, 0, 44_100),
        (AUDIO_ENCODING_PCM_S16LE, 8_000, 2, 0, 32_000),
        (AUDIO_ENCODING_MP3, 24_000, 1, 0, 6_000),
        (AUDIO_ENCODING_MP3, 24_000, 1, 64_000, 8_000),
    ],
)
def test_sound_is_cut_between_samples_and_nothing_is_lost(encoding, rate, channels, bit_rate, expected):
    form = AudioFormat(encoding=encoding, sample_rate_hz=rate, channel_count=channels)
    assert bytes_per_second(form, bit_rate) == expected
    audio = bytes(range(256)) * 400
    cut = list(pieces(audio, form, bit_rate))
    assert b"".join(cut) == audio
    assert {len(piece) % (2 * channels) for piece in cut[:-1]} == {0}
    assert max(map(len, cut)) <= 0.2 * expected
    assert len(cut) > 5


def test_utterances_are_questions_of_their_own_where_nothing_is_joined():
    floor = Floor(joins=False)
    floor.begin_speech()
    floor.end_speech(1.0)
    floor.begin_speech()
    floor.end_speech(2.0)
    floor.understood("One?", "en")
    assert floor.has_question
    floor.understood("Two?", "hi")
    asked = [floor.next_question(), floor.next_question()]
    assert [(one.text, one.language, one.ended_at) for one in asked] == [("One?", "en", 1.0), ("Two?", "hi", 2.0)]
    assert not floor.has_question


def test_utterances_are_joined_until_nobody_speaks():
    floor = Floor(joins=True)
    floor.end_speech(1.0)
    floor.begin_speech()
    floor.understood("What time is it", "en")
    assert not floor.has_question
    floor.end_speech(2.0)
    assert not floor.has_question
    floor.understood("in Delhi?", "en")
    assert floor.has_question
    question = floor.next_question()
    assert (question.text, question.ended_at) == ("What time is it in Delhi?", 2.0)


@pytest.mark.parametrize("end", ["false start", "no words", "lost"])
def test_question_that_waited_for_more_is_asked_when_nothing_more_comes(end):
    floor = Floor(joins=True)
    floor.end_speech(1.0)
    floor.begin_speech()
    floor.understood("What time is it?", "en")
    assert not floor.has_question
    if end == "false start":
        floor.drop_speech()
    elif end == "lost":
        assert floor.lose() == 0
    else:
        floor.end_speech(2.0)
        floor.not_understood()
    assert floor.has_question


def test_only_a_few_questions_wait():
    floor = Floor(joins=False)
    for number in range(MOST_QUESTIONS + 1):
        assert not floor.drop_oldest()
        floor.end_speech(float(number))
        floor.understood(f"Question {number}", "en")
    assert floor.drop_oldest()
    assert floor.next_question().text == "Question 1"


def test_texts_of_what_was_given_up_are_the_next_ones():
    floor = Floor(joins=False)
    floor.end_speech(1.0)
    floor.understood("One?", "en")
    floor.end_speech(2.0)
    assert floor.give_up() == 2
    assert [floor.is_waiting, floor.can_give_up, floor.has_question] == [False] * 3
    floor.end_speech(3.0)
    assert floor.has_text_in_vain
    floor.skip_text()
    assert not floor.has_text_in_vain
    assert floor.understood("Three?", "en").ended_at == 3.0


def test_what_joins_the_words_of_one_still_speaking_is_not_given_up():
    floor = Floor(joins=True)
    floor.end_speech(1.0)
    floor.begin_speech()
    assert (floor.can_give_up, floor.give_up()) == (False, 0)
    floor.end_speech(2.0)
    # Both are one question, and one answer will not come.
    assert (floor.can_give_up, floor.give_up()) == (True, 1)


def test_lost_stream_brings_no_texts_of_what_was_given_up():
    floor = Floor(joins=False)
    floor.end_speech(1.0)
    floor.give_up()
    assert floor.lose() == 0
    assert not floor.has_text_in_vain


def test_stop_has_done_something_if_it_cut_an_answer_or_ended_speech():
    floor = Floor(joins=False)
    floor.note_stop(did_something=True)
    floor.note_stop(did_something=False)
    assert floor.end_stop()
    floor.end_speech(1.0)
    assert floor.end_stop()
    floor.note_stop(did_something=False)
    assert floor.end_stop()
    floor.not_understood()
    floor.note_stop(did_something=False)
    assert not floor.end_stop()
