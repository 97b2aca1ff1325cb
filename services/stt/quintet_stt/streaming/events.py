"""What a conversation tells; offsets are seconds from its start."""

from dataclasses import dataclass
from enum import Enum

from quintet_errors import DomainError
from quintet_stt.engine import Transcript


class Command(Enum):
    """What a caller can ask for in the middle."""

    END_UTTERANCE = "end_utterance"
    RESET = "reset"


@dataclass(frozen=True)
class Activity:
    """Answers one piece of sound: its highest probability of speech, and whether somebody speaks after it."""

    probability: float
    in_speech: bool


@dataclass(frozen=True)
class Started:
    """Somebody has begun to speak."""

    start_s: float


@dataclass(frozen=True)
class Stopped:
    """Somebody has ended; without `is_utterance` it was no speech."""

    end_s: float
    is_utterance: bool


@dataclass(frozen=True)
class Interim:
    """What was said so far."""

    text: str
    language: str


@dataclass(frozen=True)
class Spoken:
    """What was said, or why that is not known.

    `offset_s` is where the sound of the transcript starts. `delay_s` runs from the decision that the speech had ended
    to the text.
    """

    result: Transcript | DomainError
    start_s: float
    end_s: float
    offset_s: float
    was_speculative: bool
    delay_s: float


@dataclass(frozen=True)
class CommandDone:
    """A command was carried out."""

    command: Command


Event = Activity | Started | Stopped | Interim | Spoken | CommandDone
