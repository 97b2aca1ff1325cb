"""Who has the floor: what people are saying, what of it is not understood yet, and what waits for an answer."""

from collections import deque
from dataclasses import dataclass

# Somebody who asks more than this ahead of the answers is not waiting for them.
MOST_QUESTIONS = 4


@dataclass(frozen=True)
class Question:
    """What was said, its language, and when its speech had ended, by the monotonic clock."""

    text: str
    language: str
    ended_at: float


class Floor:
    """The facts of one conversation that its state does not hold.

    With `joins`, what is said before an answer has begun becomes one question; else each utterance is one of its own.
    """

    def __init__(self, *, joins: bool) -> None:
        self._joins = joins
        self._speaking = False
        self._unheard: deque[float] = deque()
        self._in_vain = 0
        self._questions: deque[Question] = deque()
        self._stops: deque[bool] = deque()
        self._resets = 0

    def begin_speech(self) -> None:
        """Notes that somebody speaks."""
        self._speaking = True

    def end_speech(self, now: float) -> None:
        """Notes that somebody has said something, whose text will follow."""
        self._speaking = False
        self._unheard.append(now)
        if self._stops:
            self._stops[0] = True

    def drop_speech(self) -> None:
        """Notes that it was not speech."""
        self._speaking = False

    def understood(self, text: str, language: str) -> Question:
        """Notes a text and returns it as the newest question."""
        question = Question(text, language, self._unheard.popleft())
        self._questions.append(question)
        return question

    def not_understood(self) -> None:
        """Notes that there is no text."""
        self._unheard.popleft()

    @property
    def has_text_in_vain(self) -> bool:
        """Whether the next text belongs to something that was given up."""
        return self._in_vain > 0

    def skip_text(self) -> None:
        """Notes that this text has come, or that there is none."""
        self._in_vain -= 1

    def drop_oldest(self) -> bool:
        """Drops the oldest question if too many wait; tells whether it did."""
        if len(self._questions) <= MOST_QUESTIONS:
            return False
        self._questions.popleft()
        return True

    @property
    def is_waiting(self) -> bool:
        """Whether something was said that waits for its text or its answer."""
        return bool(self._unheard or self._questions)

    @property
    def has_question(self) -> bool:
        """Whether there is something to answer now; one who is still speaking may add to a question that is joined."""
        return bool(self._questions) and not (self._joins and (self._speaking or self._unheard))

    def next_question(self) -> Question:
        """Removes and returns what to answer."""
        first = self._questions.popleft()
        if not self._joins or not self._questions:
            return first
        joined = [first, *self._questions]
        self._questions.clear()
        return Question(" ".join(question.text for question in joined), first.language, joined[-1].ended_at)

    @property
    def can_give_up(self) -> bool:
        """Whether something waits that a stop gives up; what joins the words of one still speaking is part of them."""
        return self.is_waiting and not (self._joins and self._speaking)

    def give_up(self) -> int:
        """Gives up what waits for its text or its answer; returns how many answers will not come."""
        if not self.can_give_up:
            return 0
        waited = len(self._unheard) + len(self._questions)
        # Texts come in the order in which people spoke, so that those of the oldest are the next ones.
        self._in_vain += len(self._unheard)
        self._unheard.clear()
        self._questions.clear()
        return 1 if self._joins else waited

    def lose(self) -> int:
        """Gives up what is being said; returns how many utterances will get no text."""
        lost = len(self._unheard)
        self._speaking = False
        self._unheard.clear()
        self._in_vain = 0
        return lost

    def forget(self) -> None:
        """Gives up everything because of a reset."""
        self.lose()
        self._questions.clear()
        self._resets += 1

    def end_reset(self) -> None:
        """Notes that the oldest reset was carried out."""
        self._resets -= 1

    @property
    def has_last_reset(self) -> bool:
        """Whether the oldest reset is the only one."""
        return self._resets == 1

    def note_stop(self, *, did_something: bool) -> None:
        """Notes a stop. It has done something also if a text is on its way that it has left alone."""
        self._stops.append(did_something or bool(self._unheard))

    def end_stop(self) -> bool:
        """Ends the oldest stop; tells whether it did something."""
        return self._stops.popleft()
