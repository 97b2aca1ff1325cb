"""One answer as text and sound at once: the voice speaks the first clause while the model writes the next one."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from quintet.media.v1.audio_pb2 import AudioFormat
from quintet_gateway.assistant.turn import Turn
from quintet_gateway.assistant.voice.clauses import ClauseCutter
from quintet_gateway.assistant.voice.outbox import Outbox, ReplyEvent, ReplySound, ReplyText
from quintet_gateway.assistant.voice.speech import Speech, SpeechOptions, SpeechStarted, TextSpoken
from quintet_gateway.assistant.voice.spoken import SpokenForm
from quintet_gateway.assistant.voice.timeline import Timeline

# A model that is so many clauses ahead of the voice waits for it: longer than any answer, so that a listener who takes
# the sound as fast as he hears it does not hold the model, whose time is limited.
_MOST_CLAUSES = 512

_Clauses = asyncio.Queue[str | None]
"""Clauses on their way from the model to the voice; None behind the last one."""


class Reply:
    """The answer of a turn while it is made.

    `text` is what `events` gave out so far. `language` is the spoken one and `limitations` what the voice cannot do
    well in it; both are empty before the first sound. `first_text_s` and `first_sound_s` count from the start of
    `events`; None before.
    """

    def __init__(self, turn: Turn, speech: Speech, options: SpeechOptions | None) -> None:
        self.turn = turn
        self.text = ""
        self.language = ""
        self.limitations: tuple[str, ...] = ()
        self.first_text_s: float | None = None
        self.first_sound_s: float | None = None
        self._speech = speech
        self._options = options
        self._timeline = Timeline()
        self._began_s: float | None = None
        self._written = False

    @property
    def is_written(self) -> bool:
        """Whether all of the text was given out."""
        return self._written and len(self.text) == len(self.turn.text)

    async def events(self) -> AsyncGenerator[ReplyEvent, None]:
        """Yields text and sound as they come, once; what is ready together is given out together.

        Closing the generator stops the model and the voice. If one of them fails, so does the other.

        Raises:
            DomainError: if a service fails; what was ready before was given out.
        """
        if self._began_s is not None:
            raise RuntimeError("The events of a reply can be read only once.")
        self._began_s = time.perf_counter()
        outbox = Outbox()
        working = asyncio.create_task(self._work(outbox))
        working.add_done_callback(lambda _: outbox.end())
        try:
            while ready := await outbox.take():
                for event in ready:
                    self._note(event)
                    yield event
            await working
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    def said_by(self, sound_s: float) -> str:
        """Returns the text whose sound lies in the first `sound_s` seconds, in whole words; without sound, nothing."""
        return self._timeline.said_by(sound_s)

    def _note(self, event: ReplyEvent) -> None:
        elapsed_s = time.perf_counter() - (self._began_s or 0.0)
        if isinstance(event, ReplyText):
            self.text += event.text
            self.first_text_s = self.first_text_s or elapsed_s
        else:
            self.first_sound_s = self.first_sound_s or elapsed_s

    async def _work(self, outbox: Outbox) -> None:
        clauses = _Clauses(_MOST_CLAUSES)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write(outbox, clauses))
                if self._options is not None:
                    group.create_task(self._speak(outbox, clauses, self._options))
        except BaseExceptionGroup as failed:
            # The first to fail ended the other one, and says why.
            raise failed.exceptions[0] from None

    async def _write(self, outbox: Outbox, clauses: _Clauses) -> None:
        cutter = ClauseCutter()
        async with aclosing(self.turn.deltas()) as deltas:
            async for delta in deltas:
                await outbox.put_text(delta)
                await self._hand_over(cutter.feed(delta), clauses)
        self._written = True
        await self._hand_over([*cutter.finish(), None], clauses)

    async def _hand_over(self, ready: list[str] | list[str | None], clauses: _Clauses) -> None:
        if self._options is not None:
            for clause in ready:
                await clauses.put(clause)

    async def _speak(self, outbox: Outbox, clauses: _Clauses, options: SpeechOptions) -> None:
        audio_format = AudioFormat()
        async with aclosing(self._speech.stream(self._speakable(clauses), options)) as sound:
            async for event in sound:
                match event:
                    case SpeechStarted():
                        audio_format = event.format
                        self.language, self.limitations = event.language, event.limitations
                    case TextSpoken():
                        self._timeline.spoken(event.index, event.end_s)
                    case _:
                        await outbox.put_sound(event, audio_format)

    async def _speakable(self, clauses: _Clauses) -> AsyncGenerator[str, None]:
        form = SpokenForm()
        while (clause := await clauses.get()) is not None:
            if spoken := form.of(clause):
                self._timeline.add(clause)
                yield spoken
            else:
                self._timeline.add_silent(clause)


__all__ = ["Reply", "ReplyEvent", "ReplySound", "ReplyText"]
