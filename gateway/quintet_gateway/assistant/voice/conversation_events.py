"""What a spoken conversation is asked for, and what it tells."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from quintet.media.v1.audio_pb2 import AudioFormat
from quintet.session.v1.event_pb2 import Event
from quintet_errors import DomainError
from quintet_gateway.assistant.turn import Ask
from quintet_gateway.assistant.voice.speech import SpeechOptions


@dataclass(frozen=True)
class ConversationOptions:
    """How to hold a conversation.

    `surface` labels the metrics. `ask` makes what is asked from a text and its language, with `kept_by_caller`, and
    `speech` says how answers are spoken, as PCM for those that are not streamed; without a language, in that of the
    question. `language` is the one that people speak as a BCP 47 tag; empty lets it be found. `completed` gives the
    event to store with a whole answer, from its text and the seconds it took; None for none. With `streamed`, sound
    goes out while it is made and speech cuts it short. `forget` removes what was kept, in a reset; it may raise a
    `DomainError`.
    """

    surface: str
    ask: Callable[[str, str], Ask]
    speech: SpeechOptions
    completed: Callable[[str, float], Event | None]
    forget: Callable[[], Awaitable[None]]
    language: str = ""
    interim: bool = False
    streamed: bool = False


@dataclass(frozen=True)
class Activity:
    """Whether the last piece of audio held speech: its probability, 0 to 1, and whether somebody is speaking."""

    probability: float
    in_speech: bool


@dataclass(frozen=True)
class SpeechBegan:
    """Somebody has begun to speak. Sound that is still being played should stop if the conversation is streamed."""


@dataclass(frozen=True)
class Interim:
    """What was said so far by somebody who is still speaking."""

    text: str
    language: str


@dataclass(frozen=True)
class Processing:
    """Somebody has ended to speak. One `Answered`, `Interrupted` or `Failed` belongs to it, unless a reset comes first.

    In a streamed conversation, questions that follow each other before an answer has begun share it.
    """


@dataclass(frozen=True)
class Heard:
    """What was said."""

    text: str
    language: str


@dataclass(frozen=True)
class AnswerText:
    """The next piece of a streamed answer's text; it runs ahead of the sound."""

    text: str


@dataclass(frozen=True)
class AnswerSound:
    """The next sound of a streamed answer, some 200 ms; `end_s` is where it ends in the answer."""

    audio: bytes
    format: AudioFormat
    end_s: float


@dataclass(frozen=True)
class Answered:
    """A whole answer; it is kept. `audio` is all of its sound, empty if that was streamed.

    `took_s` counts from the end of the question to the end of the answer's making.
    """

    text: str
    audio: bytes
    format: AudioFormat
    took_s: float


@dataclass(frozen=True)
class Interrupted:
    """An answer was cut short; `said` is what of it can have been heard, and what is kept.

    A question that a stop gave up before its answer had begun has this too; of that nothing is kept.
    """

    said: str


@dataclass(frozen=True)
class NothingToStop:
    """`Conversation.end_utterance` found neither speech nor anything that waits for an answer."""


@dataclass(frozen=True)
class ResetDone:
    """`Conversation.reset` was carried out, and `forget` with it; nothing from before follows."""


@dataclass(frozen=True)
class Failed:
    """Something went wrong; the conversation goes on."""

    error: DomainError


ConversationEvent = (
    Activity
    | SpeechBegan
    | Interim
    | Processing
    | Heard
    | AnswerText
    | AnswerSound
    | Answered
    | Interrupted
    | NothingToStop
    | ResetDone
    | Failed
)
