"""One conversation: sound and commands go in, in order; events come out."""

import asyncio
import time
from collections.abc import AsyncGenerator

import numpy as np

from quintet_audio.decode import Recording, Samples
from quintet_observability import metrics
from quintet_stt.engine import Transcript
from quintet_stt.streaming.ear import Ear, Ears, Heard
from quintet_stt.streaming.endpointing import Began, Decision, Ended, Endpointer, EndpointRules, Paused, Resumed
from quintet_stt.streaming.events import Activity, Command, CommandDone, Event, Started, Stopped
from quintet_stt.streaming.intake import Piece
from quintet_stt.streaming.interim import InterimTexts
from quintet_stt.streaming.options import StreamingOptions
from quintet_stt.streaming.outbox import Outbox
from quintet_stt.streaming.tape import Tape, seconds_of
from quintet_stt.streaming.transcriber import Transcriber
from quintet_stt.streaming.utterances import Cut, Utterances
from quintet_stt.windows import RATE_HZ

# Recognisers need what comes before the first loud sound.
_PRE_ROLL_WINDOWS = 10
# Windows that are kept while nobody speaks: the pre-roll, and those that it takes to notice a start.
_KEPT_WINDOWS = _PRE_ROLL_WINDOWS + 4


class Conversation:
    """Belongs to one task that calls `hear`, `carry_out` and the rest, and one that reads `events`."""

    def __init__(
        self,
        options: StreamingOptions,
        ears: Ears,
        transcriber: Transcriber,
        outbox: Outbox,
        interim_every_s: float,
    ) -> None:
        self._options = options
        self._ears = ears
        self._outbox = outbox
        self._rules = EndpointRules.of(options.end_silence_s)
        self._endpointer = Endpointer(self._rules)
        self._ear = Ear.new()
        self._tape = Tape()
        self._probability = 0.0
        # Window from which on sound belongs to no utterance yet, and the one where the present utterance's begins.
        self._free_from = 0
        self._from = 0
        self._interim = InterimTexts(transcriber, interim_every_s, outbox.add)
        self._utterances = Utterances(
            transcriber, options, tell=outbox.add, early=self._tell_early, failed=outbox.close
        )

    @property
    def in_speech(self) -> bool:
        """Whether somebody speaks."""
        return self._endpointer.in_speech

    def events(self) -> AsyncGenerator[Event, None]:
        """Yields what happens until the conversation ends."""
        return self._outbox.events()

    async def hear(self, piece: Piece) -> None:
        """Takes the next piece of sound; waits while the caller has not read what came of the last ones.

        Raises:
            DomainError: for a piece that cannot be read.
        """
        await self._outbox.room()
        came = time.monotonic()
        heard = await self._ears.hear(self._ear, piece)
        steps = enumerate(map(self._endpointer.step, heard.probabilities))
        decisions = [(number, decision) for number, decision in steps if decision is not None]
        self._probability = max(heard.probabilities, default=self._probability)
        self._outbox.add(Activity(self._probability, self.in_speech))
        metrics.VAD_SECONDS.observe(time.monotonic() - came)
        self._play(heard, decisions)
        self._offer_interim()

    def pause(self) -> None:
        """Takes the lack of sound for a pause that may be the end of the utterance."""
        if paused := self._endpointer.pause():
            self._act(paused)

    def end_utterance(self) -> None:
        """Ends the utterance that is being spoken."""
        if ended := self._endpointer.finish():
            self._act(ended)
        self._free_from = self._tape.end

    def carry_out(self, command: Command) -> None:
        """Ends the utterance or forgets everything, and says so."""
        if command is Command.END_UTTERANCE:
            self.end_utterance()
        else:
            self._forget()
        self._outbox.add(CommandDone(command))

    async def finish(self) -> None:
        """Ends the utterance, and waits until every text is told."""
        self.end_utterance()
        await self._utterances.settled()

    async def close(self) -> None:
        """Drops everything, and waits until the engine is free of it."""
        await asyncio.gather(self._interim.close(), self._utterances.close())

    def _play(self, heard: Heard, decisions: list[tuple[int, Decision]]) -> None:
        """Puts the sound on the tape as far as each decision reaches, and acts on it."""
        done = 0
        for number, decision in decisions:
            self._tape.append(heard.windows[done : number + 1])
            done = number + 1
            # Whoever sends much at once has gone on speaking already, or has ended.
            if not isinstance(decision, Paused) or number == decisions[-1][0]:
                self._act(decision)
        self._tape.append(heard.windows[done:])
        if not self.in_speech:
            self._tape.forget_before(self._tape.end - _KEPT_WINDOWS)

    def _act(self, decision: Decision) -> None:
        match decision:
            case Began(start):
                self._from = max(self._free_from, start - _PRE_ROLL_WINDOWS)
                self._tape.forget_before(self._from)
                metrics.VAD_DECISIONS.labels("started").inc()
                self._outbox.add(Started(seconds_of(start)))
            case Paused(end):
                self._utterances.speculate(self._cut(end + self._rules.pause_windows))
            case Resumed():
                self._utterances.discard()
            case Ended():
                self._end(decision)

    def _end(self, ended: Ended) -> None:
        self._interim.stop()
        metrics.VAD_DECISIONS.labels("ended" if ended.is_speech else "dropped").inc()
        self._outbox.add(Stopped(seconds_of(ended.end), ended.is_speech))
        end = ended.end + self._rules.pause_windows
        if ended.is_speech:
            self._utterances.finish(self._cut(end), seconds_of(ended.start), seconds_of(ended.end))
        self._free_from = min(end, self._tape.end)

    def _cut(self, end: int) -> Cut:
        """Cuts the utterance's sound; what is no window yet belongs to it where it ends behind the last one."""
        first, samples = self._tape.cut(self._from, end)
        if end > self._tape.end:
            samples = np.concatenate([samples, self._ear.memory.rest])
        return Cut(_recording(samples), seconds_of(first))

    def _offer_interim(self) -> None:
        if not self._options.interim or not self.in_speech or self._endpointer.in_silence or self._outbox.is_full:
            return
        self._interim.offer(
            seconds_of(self._endpointer.voiced),
            lambda: self._cut(self._tape.end).recording,
            self._utterances.transcribe_options(),
        )

    def _tell_early(self, transcript: Transcript) -> None:
        if self._options.interim:
            self._interim.tell(transcript)

    def _forget(self) -> None:
        self._interim.stop()
        self._utterances.reset()
        self._endpointer.reset()
        self._ear.reset()
        self._probability = 0.0
        self._free_from = self._tape.end


def _recording(samples: Samples) -> Recording:
    return Recording(samples, RATE_HZ, "pcm")
