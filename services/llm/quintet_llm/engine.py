"""The seam between the chat service and whatever writes its answers."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from quintet_engines import EngineInfo
from quintet_llm.conversation import Passage, Style, Turn


@dataclass(frozen=True)
class ChatRequest:
    """What to answer; the last turn is the user's, and `passages` of documents may answer it, the best first.

    `documents_searched` tells that documents were searched for it, whatever was found.
    `model` and `time_zone` are empty for the default, `max_output_tokens` is 0 for no limit of the caller's.
    """

    turns: tuple[Turn, ...]
    model: str = ""
    language: str = ""
    max_output_tokens: int = 0
    temperature: float | None = None
    time_zone: str = ""
    passages: tuple[Passage, ...] = ()
    documents_searched: bool = False
    style: Style = Style.READ


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True)
class TextDelta:
    """Text to append to the answer; never empty."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The last event of an answer; `skill` is empty if no skill computed it."""

    reason: FinishReason
    input_tokens: int
    output_tokens: int
    skill: str = ""


ChatEvent = TextDelta | Finished


class ChatEngine(Protocol):
    """Writes answers. Closing the generator of `answer` stops the work within one token."""

    def answer(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Yields the answer's text as it is ready, then exactly one `Finished`.

        Raises:
            DomainError: whatever the engine failed with.
        """
        ...

    def info(self) -> EngineInfo:
        """Describes the engine as it is now."""
        ...

    def models(self) -> tuple[str, ...]:
        """Names the models that can be asked for, the default first; never empty."""
        ...

    async def warm_up(self) -> None:
        """Returns when the first answer would come at full speed."""
        ...

    async def close(self) -> None:
        """Gives everything back that the engine holds."""
        ...
