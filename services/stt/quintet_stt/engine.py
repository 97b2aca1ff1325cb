"""What a speech recogniser is to the service: a recording in, progress and one transcript out."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from quintet_audio.decode import Recording
from quintet_engines import EngineInfo


class Silence(StrEnum):
    """Names why a transcript is empty; the values are those of the contract without their prefix."""

    UNSPECIFIED = "UNSPECIFIED"
    TOO_SHORT = "TOO_SHORT"
    TOO_QUIET = "TOO_QUIET"
    NO_SPEECH = "NO_SPEECH"


@dataclass(frozen=True)
class Word:
    """One word; times in seconds from the start of the recording, confidence 0 to 1."""

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True)
class Segment:
    """A part of a recording with speech; times in seconds from its start, confidence 0 to 1."""

    text: str
    start_s: float
    end_s: float
    confidence: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """What was said; `language` is a BCP 47 tag, both sureness numbers are 0 to 1, and all is empty in silence."""

    text: str = ""
    language: str = ""
    language_probability: float = 0.0
    confidence: float = 0.0
    segments: tuple[Segment, ...] = ()
    silence: Silence = Silence.UNSPECIFIED


@dataclass(frozen=True)
class Progress:
    """How far the work is, 0 to 1, as the share of the recording that is done."""

    share: float


@dataclass(frozen=True)
class LanguageHints:
    """What helps to find a language, as primary tags; engines leave out those that they do not know.

    Speech is heard in the `likely` language where its own is not sure, and its own is looked for `among` some; without
    them, in the language that was found, and among all.
    """

    likely: str = ""
    among: tuple[str, ...] = ()


@dataclass(frozen=True)
class TranscribeOptions:
    """How to transcribe; an empty `language` (a BCP 47 tag) lets the engine find it.

    With `keeps_language`, speech that sounds like another language is heard in `language` all the same, not refused.
    """

    language: str = ""
    word_times: bool = False
    hints: LanguageHints = field(default_factory=LanguageHints)
    keeps_language: bool = False


@dataclass(frozen=True)
class Heard:
    """What one window of speech holds; times count from the start of the recording."""

    segments: tuple[Segment, ...] = field(default=())
    language: str = ""
    language_probability: float = 0.0


Events = AsyncGenerator[Progress | Transcript, None]
"""What a transcription yields."""


class SttEngine(Protocol):
    """A speech recogniser. Its methods belong to the event loop and never block it."""

    def info(self) -> EngineInfo:
        """Describes the engine without loading anything."""
        ...

    async def load(self) -> None:
        """Makes the first transcription as fast as the next; harmless when repeated.

        Raises:
            DomainError: ENGINE_FAILED if the engine cannot work at all.
        """
        ...

    def transcribe(self, recording: Recording, options: TranscribeOptions) -> Events:
        """Yields progress that never falls, then one transcript.

        Closing the iterator or cancelling its task stops the work at the next border between windows of speech.

        Raises:
            DomainError: UNSUPPORTED_LANGUAGE, INVALID_ARGUMENT for a malformed tag, ENGINE_FAILED.
        """
        ...

    async def close(self) -> None:
        """Gives everything back; the engine is not used afterwards."""
        ...
