"""What every engine of this service is: text in, sound out while it is made."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from quintet_engines import EngineInfo, Limitation
from quintet_errors import DomainError, Reason

# Errors travel in trailers of a few KiB: what a caller sent is repeated only in part.
_REPEATED_CHARACTERS = 64


@dataclass(frozen=True)
class SpeechRequest:
    """What to say and how; `language` is a BCP 47 tag and `speaking_rate` is in [0.25, 4.0].

    An empty `voice` means the default of the language; an empty `language` means that of the voice, or English.
    """

    text: str
    language: str = ""
    voice: str = ""
    speaking_rate: float = 1.0


@dataclass(frozen=True)
class Started:
    """The sound that follows is mono s16le at this rate, by this voice, in the language that is really spoken."""

    sample_rate_hz: int
    voice: str
    language: str
    limitations: tuple[Limitation, ...] = ()


@dataclass(frozen=True)
class Finished:
    """Everything was said; the length of the sound in seconds."""

    duration_s: float


SpeechEvent = Started | bytes | Finished


@dataclass(frozen=True)
class Voice:
    """A voice, the BCP 47 tags that it speaks (the best first) and its name for people."""

    name: str
    languages: tuple[str, ...]
    display_name: str


class TtsEngine(Protocol):
    """An engine; all methods are called on the event loop and none of them blocks it."""

    def announce(self, request: SpeechRequest) -> Started:
        """Tells what `speak` will begin with, without speaking; the rate depends on voice and language alone.

        The limitations of an empty text are those that any text could meet.

        Raises:
            DomainError: UNSUPPORTED_LANGUAGE or VOICE_NOT_FOUND.
        """
        ...

    def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechEvent, None]:
        """Yields Started, the sound in pieces of at most 64 KiB as it is made, and Finished.

        When the generator is closed, the engine has stopped working on the request.

        Raises:
            DomainError: UNSUPPORTED_LANGUAGE, VOICE_NOT_FOUND or ENGINE_FAILED.
        """
        ...

    def voices(self, language: str) -> Sequence[Voice]:
        """Lists the voices of a language, the default first, always in the same order; empty lists all."""
        ...

    def info(self) -> EngineInfo:
        """Tells what the engine can do."""
        ...

    async def warm_up(self) -> None:
        """Returns when the next request would be answered at full speed."""
        ...

    async def close(self) -> None:
        """Stops the engine for good."""
        ...


def unsupported_language(language: str, engine: str) -> DomainError:
    """Returns the error of a language that has no voice."""
    language = language[:_REPEATED_CHARACTERS]
    return DomainError(
        Reason.UNSUPPORTED_LANGUAGE,
        f"The engine {engine} has no voice for the language {language!r}. ListVoices tells which languages it speaks.",
        {"language": language, "engine": engine},
    )


def voice_not_found(voice: str) -> DomainError:
    """Returns the error of a voice that does not exist."""
    voice = voice[:_REPEATED_CHARACTERS]
    message = f"There is no voice {voice!r}. ListVoices tells the names of all voices."
    return DomainError(Reason.VOICE_NOT_FOUND, message, {"voice": voice})
