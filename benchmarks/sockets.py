"""Twenty people at microphones at once, each speaking a quarter of the time, for a minute."""

import asyncio
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from benchmarks.processes import pss_mib
from benchmarks.voice_client import (
    RATE_HZ,
    Person,
    Place,
    Samples,
    person_at,
    print_engines,
    room,
    running_place,
    speech,
)

PEOPLE = 20
LAST_ANSWER_S = 60.0
SECONDS = 60.0
QUESTIONS = (
    "What is twelve times twelve?",
    "How many days are there in the month of February?",
    "Please tell me what time it is now.",
    "What is fifteen percent of eighty?",
)
VOICES = ("slt", "rms", "awb")


@dataclass(frozen=True)
class Heard:
    """What one person saw: chunks sent, answers to chunks, their times in milliseconds, turns asked and answered."""

    sent: int
    answered: int
    latencies_ms: Sequence[float]
    asked: int
    answers_ms: Sequence[float]
    interims: int
    errors: Mapping[str, int]


def main() -> None:
    """Prints what was lost, the time from each chunk to the decision about it, and the memory before and after."""
    with running_place() as place:
        asyncio.run(_measure(place))
        print_engines(place)


async def _measure(place: Place) -> None:
    tracks = [_track(number) for number in range(PEOPLE)]
    async with person_at(place, interim="true") as alone:
        before_end = await _interims_before_the_end(alone)
        print(f"one person: {before_end} interim texts came while the question was spoken")
    await asyncio.gather(*(_warm(place) for _ in range(4)))
    before = sum(pss_mib(place.process).values())
    heard = await asyncio.gather(*(_talk(place, *track) for track in tracks))
    after = sum(pss_mib(place.process).values())
    latencies = sorted(one for each in heard for one in each.latencies_ms)
    sent, answered = sum(each.sent for each in heard), sum(each.answered for each in heard)
    print(f"{PEOPLE} people for {SECONDS:.0f} s: {sent} chunks sent, {answered} decisions came")
    print(
        f"chunk -> decision: p50 {statistics.median(latencies):.1f} ms, "
        f"p95 {latencies[int(len(latencies) * 0.95)]:.1f} ms, worst {latencies[-1]:.1f} ms"
    )
    answers = sorted(one for each in heard for one in each.answers_ms)
    least = min(len(each.answers_ms) / each.asked for each in heard)
    print(f"{sum(each.asked for each in heard)} questions, {len(answers)} answers, {least:.0%} to the last served")
    print(f"end of speech -> answer: p50 {answers[len(answers) // 2]:.0f} ms, worst {answers[-1]:.0f} ms")
    errors = sum((Counter(each.errors) for each in heard), Counter[str]())
    print("errors: " + (", ".join(f"{number} x {text}" for text, number in errors.items()) or "none"))
    print(f"{sum(each.interims for each in heard)} interim texts; memory {before:.0f} -> {after:.0f} MiB")


async def _interims_before_the_end(person: Person) -> int:
    ended = await person.say(speech("I would like to know how many days there are in the month of February this year."))
    count = sum(frame["type"] == "transcript" and not frame["is_final"] for at, frame in person.frames if at < ended)
    await person.say_until("response", ended)
    return count


async def _warm(place: Place) -> None:
    async with person_at(place) as person:
        ended = await person.say(speech(QUESTIONS[0]))
        await person.say_until("response", ended)


def _track(number: int) -> tuple[Samples, int]:
    """Returns a minute of one person: questions in a quarter of it, at other times for each, and how many."""
    generator = np.random.default_rng(number)
    parts, spoken_s, total_s, asked = [room(generator.uniform(0, 8), number)], 0.0, 0.0, 0
    while total_s < SECONDS:
        question = speech(QUESTIONS[(number + asked) % len(QUESTIONS)], VOICES[number % len(VOICES)])
        length = len(question) / RATE_HZ
        parts += [question, room(3 * length, number)]
        spoken_s, total_s, asked = spoken_s + length, total_s + 4 * length, asked + 1
    track = np.concatenate(parts)[: round(SECONDS * RATE_HZ)]
    ends = np.cumsum([len(part) for part in parts])
    complete = sum(int(end) + RATE_HZ <= len(track) for end in ends[1::2])
    return track, complete


async def _talk(place: Place, track: Samples, asked: int) -> Heard:
    async with person_at(place, interim="true") as person:
        await person.say(track)
        await person.say(room(1.5))
        await _until_answered(person)
        decisions = [at for at, frame in person.frames if frame["type"] == "vad_status"]
        latencies = [1000 * (came - sent) for came, sent in zip(decisions, person.sent, strict=False)]
        return Heard(
            len(person.sent),
            len(decisions),
            latencies,
            asked,
            [
                1000 * (answered - ended)
                for ended, answered in zip(_times(person, "status"), _outcomes(person), strict=False)
            ],
            sum(frame["type"] == "transcript" and not frame["is_final"] for _, frame in person.frames),
            Counter(frame["error"] for _, frame in person.frames if frame["type"] == "error"),
        )


def _times(person: Person, kind: str) -> list[float]:
    return [moment for moment, frame in person.frames if frame["type"] == kind]


def _outcomes(person: Person) -> list[float]:
    return sorted(_times(person, "response") + _times(person, "error"))


async def _until_answered(person: Person) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_ANSWER_S), person.came:
            await person.came.wait_for(lambda: len(_times(person, "status")) <= len(_outcomes(person)))
