"""What an answer has ready for its reader: text and sound, each in its order."""

import asyncio
from dataclasses import dataclass

from quintet.media.v1.audio_pb2 import AudioFormat


@dataclass(frozen=True)
class ReplyText:
    """The next piece of an answer's text."""

    text: str


@dataclass(frozen=True)
class ReplySound:
    """The next bytes of an answer's sound, encoded as asked for."""

    audio: bytes
    format: AudioFormat


ReplyEvent = ReplyText | ReplySound

_MOST_CHARACTERS = 64 << 10
_MOST_SOUND_BYTES = 256 << 10
# A reader that plays what it gets comes back for more before the tts service gives it up: 64 KiB of MP3 last 11 s.
_LARGEST_SOUND = 64 << 10


class Outbox:
    """Collects text and sound until they are taken; who puts more than it may hold waits for the reader."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._characters = 0
        self._sound = bytearray()
        self._format = AudioFormat()
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()
        self._ended = False

    async def put_text(self, text: str) -> None:
        """Adds text; returns when there is room for more."""
        self._text += [text] if text else []
        self._characters += len(text)
        await self._room()

    async def put_sound(self, audio: bytes, audio_format: AudioFormat) -> None:
        """Adds sound, all of it in one format; returns when there is room for more."""
        self._sound += audio
        self._format = audio_format
        await self._room()

    def end(self) -> None:
        """Says that nothing more comes."""
        self._ended = True
        self._filled.set()

    async def take(self) -> list[ReplyEvent]:
        """Waits for something and returns what is ready, the text first; nothing once all of it was taken.

        Of the sound, these are at most 64 KiB.
        """
        while not (self._text or self._sound or self._ended):
            self._filled.clear()
            await self._filled.wait()
        ready: list[ReplyEvent] = []
        if self._text:
            ready.append(ReplyText("".join(self._text)))
        if self._sound:
            ready.append(ReplySound(bytes(self._sound[:_LARGEST_SOUND]), self._format))
        self._text, self._characters = [], 0
        del self._sound[:_LARGEST_SOUND]
        self._taken.set()
        return ready

    async def _room(self) -> None:
        self._filled.set()
        while self._characters > _MOST_CHARACTERS or len(self._sound) > _MOST_SOUND_BYTES:
            self._taken.clear()
            await self._taken.wait()
