"""What a session was created with, as attributes of the session."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quintet.session.v1.session_service_pb2 import Session

LONGEST_PROMPT = 16_000
"""Characters of a system prompt."""
MOST_TURNS = 500
"""Turns of history that an engine can be shown: the services hand out 1000 messages at once."""

_DEFAULT_PROMPT = "You are a helpful voice assistant. Answer naturally, the way people talk."
_DEFAULT_TURNS = 20
_TURNS = "max_history_turns"
_PIECE = "system_prompt_{:02}"
# An attribute of a session holds so many characters.
_PIECE_CHARACTERS = 1000


@dataclass(frozen=True)
class Terms:
    """The instructions to the engine, and how many turns of the history it is shown."""

    system_prompt: str = _DEFAULT_PROMPT
    max_turns: int = _DEFAULT_TURNS

    @property
    def max_messages(self) -> int:
        """How many messages of the history count, beside the system prompt."""
        return 2 * self.max_turns

    def attributes(self) -> Mapping[str, str]:
        """Returns the terms as attributes of a session; what is the default is left out."""
        kept = dict(_pieces(self.system_prompt)) if self.system_prompt != _DEFAULT_PROMPT else {}
        return {**kept, _TURNS: str(self.max_turns)}


def terms_of(session: Session) -> Terms:
    """Returns the terms of a session."""
    pieces: list[str] = []
    while piece := session.attributes.get(_PIECE.format(len(pieces)), ""):
        pieces.append(piece)
    turns = int(session.attributes.get(_TURNS, _DEFAULT_TURNS))
    return Terms("".join(pieces) or _DEFAULT_PROMPT, turns)


def _pieces(prompt: str) -> Iterator[tuple[str, str]]:
    for number, start in enumerate(range(0, len(prompt), _PIECE_CHARACTERS)):
        yield _PIECE.format(number), prompt[start : start + _PIECE_CHARACTERS]
