"""Spoken turns: how long a person waits between the end of a question and the first sound of the answer."""

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.voice_client import Person, Place, Samples, mean, person_at, print_engines, room, running_place, speech

QUESTION = "Good evening. I would like to know one more thing from you: what is twelve times twelve?"
LONG_ANSWER = "What can you do?"
INTERRUPTION = "Wait, please stop talking now."
ROUNDS = 12
BARGE_INS = 20
STAGES = ("transcript", "first_token", "first_sound")


@dataclass(frozen=True)
class Turn:
    """Milliseconds from the last spoken sample, and from the decision that the speech had ended, to the first sound."""

    from_last_sample_ms: float
    from_decision_ms: float


def main() -> None:
    """Asks the same question in each mode of omni, by turns, then interrupts 20 answers."""
    with running_place() as place:
        asyncio.run(_turns(place))
        asyncio.run(_barge_ins(place))
        print_engines(place)


async def _turns(place: Place) -> None:
    question = speech(QUESTION)
    print(f"question of {len(question) / 16_000:.1f} s, {ROUNDS} turns in each mode, after one that warms up")
    found: dict[str, list[Turn]] = {"stream": [], "document": []}
    async with person_at(place, stream="true") as streamed, person_at(place) as documented:
        await _turn(streamed, question)
        for _ in range(ROUNDS):
            found["stream"].append(await _turn(streamed, question))
            found["document"].append(await _turn(documented, question))
    for mode, turns in found.items():
        _print(f"{mode}: end of speech (decision) -> first sound", [turn.from_decision_ms for turn in turns])
        _print(f"{mode}: last spoken sample -> first sound", [turn.from_last_sample_ms for turn in turns])
    for stage in STAGES:
        seconds, count = mean(place, "quintet_voice_stage_seconds", surface="omni", stage=stage)
        print(f"decision -> {stage}: mean {1000 * seconds:.1f} ms over {count:.0f} turns")


async def _turn(person: Person, question: Samples) -> Turn:
    await person.say(room(0.3))
    ended = await person.say(question)
    heard = await person.say_until("sound", ended)
    decided = await person.when("status:processing", ended)
    await person.say_until("response", decided)
    return Turn((heard - ended) * 1000, (heard - decided) * 1000)


async def _barge_ins(place: Place) -> None:
    question, interruption = speech(LONG_ANSWER), speech(INTERRUPTION, "rms")
    stopped_ms, decided_ms = [], []
    before = place.metric("quintet_barge_ins_total", why="speech")
    for _ in range(BARGE_INS):
        async with person_at(place, stream="true") as person:
            ended = await person.say(question)
            first = await person.say_until("sound", ended)
            begun = await person.say(room(0.2))
            await person.say(interruption)
            interrupted = await person.say_until("status:interrupted", first)
            await person.say(room(0.5))
            heard_at = _first_speech(person, begun)
            last_sound = max(moment for moment, frame in person.frames if frame.get("audio_base64"))
            stopped_ms.append(1000 * max(0.0, last_sound - heard_at))
            decided_ms.append(1000 * (interrupted - heard_at))
    count = place.metric("quintet_barge_ins_total", why="speech") - before
    print(f"{count:.0f} of {BARGE_INS} answers were interrupted")
    _print("first chunk with speech -> the client is told", decided_ms)
    _print("first chunk with speech -> last sound of the answer", stopped_ms)


def _first_speech(person: Person, after: float) -> float:
    return next(
        moment
        for moment, frame in person.frames
        if moment > after and frame["type"] == "vad_status" and frame["is_speech"]
    )


def _print(what: str, times_ms: Sequence[float]) -> None:
    ordered = sorted(times_ms)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    print(f"{what}: p50 {statistics.median(ordered):.0f} ms, p95 {p95:.0f} ms, worst {ordered[-1]:.0f} ms")
