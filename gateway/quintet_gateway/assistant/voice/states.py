"""The states of a spoken conversation, what can happen in it, and what is done then: one table."""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """What the conversation is doing, seen from its answers; people may speak in any state."""

    READY = "ready"
    """No answer is on its way."""
    REPLYING = "replying"
    """An answer is made or sent."""
    CUTTING = "cutting"
    """An answer was cut short; what was said of it is being kept."""
    RESETTING = "resetting"
    """Everything from before is being forgotten."""
    CLOSED = "closed"
    """The conversation is over."""


class Happening(StrEnum):
    """What can happen."""

    ACTIVITY = "activity"
    SPEECH_STARTED = "speech_started"
    BARGE_IN = "barge_in"
    """Speech that has started, where speech cuts an answer short."""
    SPEECH_ENDED = "speech_ended"
    FALSE_START = "false_start"
    INTERIM = "interim"
    TEXT = "text"
    NO_TEXT = "no_text"
    TEXT_IN_VAIN = "text_in_vain"
    """The text of what was given up, or word that it has none."""
    QUESTION = "question"
    """A question waits, and nobody is in the middle of another one."""
    REPLY_ENDED = "reply_ended"
    STOP = "stop"
    STOP_OF_QUESTION = "stop_of_question"
    """A stop, where something that was said waits for its text or its answer."""
    STOP_DONE = "stop_done"
    RESET = "reset"
    RESET_PASSED = "reset_passed"
    """A reset was carried out, and another one has been asked for."""
    RESET_DONE = "reset_done"
    EAR_LOST = "ear_lost"
    CLOSE = "close"


class Action(StrEnum):
    """What is done."""

    NONE = "none"
    TELL_ACTIVITY = "tell_activity"
    BEGIN_SPEECH = "begin_speech"
    CUT_FOR_SPEECH = "cut_for_speech"
    END_SPEECH = "end_speech"
    DROP_SPEECH = "drop_speech"
    TELL_INTERIM = "tell_interim"
    TAKE_TEXT = "take_text"
    TELL_NO_TEXT = "tell_no_text"
    SKIP_TEXT = "skip_text"
    BEGIN_REPLY = "begin_reply"
    END_REPLY = "end_reply"
    NOTE_STOP = "note_stop"
    CUT_FOR_STOP = "cut_for_stop"
    GIVE_UP_QUESTIONS = "give_up_questions"
    ANSWER_STOP = "answer_stop"
    FORGET = "forget"
    TELL_RESET = "tell_reset"
    TELL_LOST = "tell_lost"
    END = "end"


Transitions = Mapping[tuple[State, Happening], tuple[State, Action]]

_S, _H, _A = State, Happening, Action

TRANSITIONS: Transitions = {
    (_S.READY, _H.ACTIVITY): (_S.READY, _A.TELL_ACTIVITY),
    (_S.READY, _H.SPEECH_STARTED): (_S.READY, _A.BEGIN_SPEECH),
    (_S.READY, _H.BARGE_IN): (_S.READY, _A.BEGIN_SPEECH),
    (_S.READY, _H.SPEECH_ENDED): (_S.READY, _A.END_SPEECH),
    (_S.READY, _H.FALSE_START): (_S.READY, _A.DROP_SPEECH),
    (_S.READY, _H.INTERIM): (_S.READY, _A.TELL_INTERIM),
    (_S.READY, _H.TEXT): (_S.READY, _A.TAKE_TEXT),
    (_S.READY, _H.NO_TEXT): (_S.READY, _A.TELL_NO_TEXT),
    (_S.READY, _H.TEXT_IN_VAIN): (_S.READY, _A.SKIP_TEXT),
    (_S.READY, _H.QUESTION): (_S.REPLYING, _A.BEGIN_REPLY),
    (_S.READY, _H.STOP): (_S.READY, _A.NOTE_STOP),
    (_S.READY, _H.STOP_OF_QUESTION): (_S.READY, _A.GIVE_UP_QUESTIONS),
    (_S.READY, _H.STOP_DONE): (_S.READY, _A.ANSWER_STOP),
    (_S.READY, _H.RESET): (_S.RESETTING, _A.FORGET),
    (_S.READY, _H.EAR_LOST): (_S.READY, _A.TELL_LOST),
    (_S.READY, _H.CLOSE): (_S.CLOSED, _A.END),
    (_S.REPLYING, _H.ACTIVITY): (_S.REPLYING, _A.TELL_ACTIVITY),
    (_S.REPLYING, _H.SPEECH_STARTED): (_S.REPLYING, _A.BEGIN_SPEECH),
    (_S.REPLYING, _H.BARGE_IN): (_S.CUTTING, _A.CUT_FOR_SPEECH),
    (_S.REPLYING, _H.SPEECH_ENDED): (_S.REPLYING, _A.END_SPEECH),
    (_S.REPLYING, _H.FALSE_START): (_S.REPLYING, _A.DROP_SPEECH),
    (_S.REPLYING, _H.INTERIM): (_S.REPLYING, _A.TELL_INTERIM),
    (_S.REPLYING, _H.TEXT): (_S.REPLYING, _A.TAKE_TEXT),
    (_S.REPLYING, _H.NO_TEXT): (_S.REPLYING, _A.TELL_NO_TEXT),
    (_S.REPLYING, _H.TEXT_IN_VAIN): (_S.REPLYING, _A.SKIP_TEXT),
    (_S.REPLYING, _H.REPLY_ENDED): (_S.READY, _A.END_REPLY),
    (_S.REPLYING, _H.STOP): (_S.CUTTING, _A.CUT_FOR_STOP),
    (_S.REPLYING, _H.STOP_OF_QUESTION): (_S.CUTTING, _A.CUT_FOR_STOP),
    (_S.REPLYING, _H.STOP_DONE): (_S.REPLYING, _A.ANSWER_STOP),
    (_S.REPLYING, _H.RESET): (_S.RESETTING, _A.FORGET),
    (_S.REPLYING, _H.EAR_LOST): (_S.REPLYING, _A.TELL_LOST),
    (_S.REPLYING, _H.CLOSE): (_S.CLOSED, _A.END),
    (_S.CUTTING, _H.ACTIVITY): (_S.CUTTING, _A.TELL_ACTIVITY),
    (_S.CUTTING, _H.SPEECH_STARTED): (_S.CUTTING, _A.BEGIN_SPEECH),
    (_S.CUTTING, _H.BARGE_IN): (_S.CUTTING, _A.BEGIN_SPEECH),
    (_S.CUTTING, _H.SPEECH_ENDED): (_S.CUTTING, _A.END_SPEECH),
    (_S.CUTTING, _H.FALSE_START): (_S.CUTTING, _A.DROP_SPEECH),
    (_S.CUTTING, _H.INTERIM): (_S.CUTTING, _A.TELL_INTERIM),
    (_S.CUTTING, _H.TEXT): (_S.CUTTING, _A.TAKE_TEXT),
    (_S.CUTTING, _H.NO_TEXT): (_S.CUTTING, _A.TELL_NO_TEXT),
    (_S.CUTTING, _H.TEXT_IN_VAIN): (_S.CUTTING, _A.SKIP_TEXT),
    (_S.CUTTING, _H.REPLY_ENDED): (_S.READY, _A.END_REPLY),
    (_S.CUTTING, _H.STOP): (_S.CUTTING, _A.NOTE_STOP),
    (_S.CUTTING, _H.STOP_OF_QUESTION): (_S.CUTTING, _A.GIVE_UP_QUESTIONS),
    (_S.CUTTING, _H.STOP_DONE): (_S.CUTTING, _A.ANSWER_STOP),
    (_S.CUTTING, _H.RESET): (_S.RESETTING, _A.FORGET),
    (_S.CUTTING, _H.EAR_LOST): (_S.CUTTING, _A.TELL_LOST),
    (_S.CUTTING, _H.CLOSE): (_S.CLOSED, _A.END),
    # What is heard until the reset was carried out is from before it.
    (_S.RESETTING, _H.ACTIVITY): (_S.RESETTING, _A.TELL_ACTIVITY),
    (_S.RESETTING, _H.STOP): (_S.RESETTING, _A.NOTE_STOP),
    (_S.RESETTING, _H.STOP_OF_QUESTION): (_S.RESETTING, _A.NOTE_STOP),
    (_S.RESETTING, _H.STOP_DONE): (_S.RESETTING, _A.ANSWER_STOP),
    (_S.RESETTING, _H.RESET): (_S.RESETTING, _A.FORGET),
    (_S.RESETTING, _H.RESET_PASSED): (_S.RESETTING, _A.TELL_RESET),
    (_S.RESETTING, _H.RESET_DONE): (_S.READY, _A.TELL_RESET),
    (_S.RESETTING, _H.EAR_LOST): (_S.RESETTING, _A.TELL_LOST),
    (_S.RESETTING, _H.CLOSE): (_S.CLOSED, _A.END),
}

_ENDS_OF_RESETS = frozenset({Happening.RESET_PASSED, Happening.RESET_DONE})
_SPEECH = frozenset(
    {
        Happening.SPEECH_STARTED,
        Happening.BARGE_IN,
        Happening.SPEECH_ENDED,
        Happening.FALSE_START,
        Happening.INTERIM,
        Happening.TEXT,
        Happening.NO_TEXT,
        Happening.TEXT_IN_VAIN,
    }
)

IGNORED: Mapping[State, frozenset[Happening]] = {
    # The end of an answer that a reset had cut may be told late, and resets end only where they began.
    State.READY: _ENDS_OF_RESETS | {Happening.REPLY_ENDED},
    State.REPLYING: _ENDS_OF_RESETS | {Happening.QUESTION},
    State.CUTTING: _ENDS_OF_RESETS | {Happening.QUESTION},
    State.RESETTING: _SPEECH | {Happening.QUESTION, Happening.REPLY_ENDED},
    State.CLOSED: frozenset(Happening),
}
"""What does nothing in a state; together with the table it names every pair exactly once."""


class Machine:
    """Where one conversation is in the table."""

    def __init__(self) -> None:
        self.state = State.READY

    def on(self, happening: Happening) -> Action:
        """Takes the transition and returns what to do."""
        if happening in IGNORED[self.state]:
            return Action.NONE
        self.state, action = TRANSITIONS[self.state, happening]
        return action
