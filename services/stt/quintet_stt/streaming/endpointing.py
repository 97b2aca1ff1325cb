"""Where speech begins, pauses and ends, decided from the probability of each window alone."""

from dataclasses import dataclass
from math import ceil

WINDOW_SAMPLES = 512
"""Samples of a window, at 16 kHz."""
WINDOW_S = WINDOW_SAMPLES / 16_000

_PAUSE_S = 0.25


@dataclass(frozen=True)
class EndpointRules:
    """Numbers of windows, and the probabilities at which speech starts and stops.

    `start_windows` in a row start speech, `pause_windows` of silence are a pause, `end_windows` of it an end. A sound
    with fewer than `shortest_windows` of voice was no speech.
    """

    start: float = 0.5
    stop: float = 0.35
    start_windows: int = 3
    pause_windows: int = 8
    end_windows: int = 25
    shortest_windows: int = 8

    @classmethod
    def of(cls, end_silence_s: float) -> "EndpointRules":
        """Returns the rules of a conversation in which so much silence ends an utterance."""
        end_windows = ceil(end_silence_s / WINDOW_S)
        return cls(end_windows=end_windows, pause_windows=min(ceil(_PAUSE_S / WINDOW_S), end_windows // 2))


@dataclass(frozen=True)
class Began:
    """Somebody speaks; `start` is the first window of it."""

    start: int


@dataclass(frozen=True)
class Paused:
    """A pause has lasted for long enough to be the end, perhaps; `end` is its first window."""

    end: int


@dataclass(frozen=True)
class Resumed:
    """The pause was no end."""


@dataclass(frozen=True)
class Ended:
    """Nobody speaks any more; `end` is the first window of the silence."""

    start: int
    end: int
    is_speech: bool


Decision = Began | Paused | Resumed | Ended


class Endpointer:
    """One conversation. It counts windows from its making, and `reset` does not set the count back."""

    def __init__(self, rules: EndpointRules) -> None:
        self._rules = rules
        self._run = 0
        self._start: int | None = None
        self._silent_from: int | None = None
        self._paused = False
        self._voiced = 0
        self.windows = 0

    @property
    def in_speech(self) -> bool:
        """Whether somebody speaks."""
        return self._start is not None

    @property
    def in_silence(self) -> bool:
        """Whether nothing was heard in the last window of somebody who speaks."""
        return self._silent_from is not None

    @property
    def voiced(self) -> int:
        """How many windows of voice the present sound has."""
        return self._voiced

    def step(self, probability: float) -> Decision | None:
        """Takes the probability of the next window."""
        self.windows += 1
        return self._wait(probability) if self._start is None else self._follow(probability)

    def pause(self) -> Paused | None:
        """Takes the lack of sound for a pause."""
        if self._start is None or self._paused or not self._is_speech:
            return None
        if self._silent_from is None:
            self._silent_from = self.windows
        self._paused = True
        return Paused(self._silent_from)

    def finish(self) -> Ended | None:
        """Ends what is being spoken."""
        self._run = 0
        if self._start is None:
            return None
        end = self.windows if self._silent_from is None else self._silent_from
        ended = Ended(self._start, end, self._is_speech)
        self.reset()
        return ended

    def reset(self) -> None:
        """Forgets what is being spoken."""
        self._run = self._voiced = 0
        self._start = self._silent_from = None
        self._paused = False

    @property
    def _is_speech(self) -> bool:
        return self._voiced >= self._rules.shortest_windows

    def _wait(self, probability: float) -> Began | None:
        self._run = self._run + 1 if probability >= self._rules.start else 0
        if self._run < self._rules.start_windows:
            return None
        self._start = self.windows - self._run
        self._voiced = self._run
        return Began(self._start)

    def _follow(self, probability: float) -> Decision | None:
        # Once below `stop`, only `start` counts as speech again: what lies between is breath and echo.
        threshold = self._rules.stop if self._silent_from is None else self._rules.start
        if probability >= threshold:
            return self._speak()
        if self._silent_from is None:
            self._silent_from = self.windows - 1
        silent = self.windows - self._silent_from
        if silent >= self._rules.end_windows:
            return self.finish()
        return self.pause() if silent == self._rules.pause_windows else None

    def _speak(self) -> Resumed | None:
        was_paused, self._paused = self._paused, False
        self._silent_from = None
        self._voiced += 1
        return Resumed() if was_paused else None
