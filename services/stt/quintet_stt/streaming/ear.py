"""Sound to windows and their probabilities, on threads that all conversations share."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from quintet_stt.executors import run_to_end
from quintet_stt.streaming.intake import Intake, Piece
from quintet_stt.streaming.vad import VoiceMemory, VoiceModel

# The second thread keeps a piece of 20 ms from waiting for a file of a minute, which takes a tenth of a second.
_THREADS = 2
# About 5 ms of work: after that another conversation has its turn.
_WINDOWS_A_TURN = 64


@dataclass
class Ear:
    """What is remembered of one conversation between two pieces."""

    intake: Intake
    memory: VoiceMemory

    @classmethod
    def new(cls) -> "Ear":
        """Returns the ear of a conversation that begins."""
        return cls(Intake(), VoiceMemory())

    def reset(self) -> None:
        """Forgets what was heard."""
        self.intake.reset()
        self.memory.reset()


@dataclass(frozen=True)
class Heard:
    """The windows that a piece of sound completed, one a row, and the probability of speech in each."""

    windows: NDArray[np.float32]
    probabilities: list[float]


class Ears:
    """The model of all conversations and its threads."""

    def __init__(self) -> None:
        self._model = VoiceModel()
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="voice")

    async def load(self) -> None:
        """Makes the first piece as fast as the next."""
        await run_to_end(self._threads, self._model.load)

    async def hear(self, ear: Ear, piece: Piece) -> Heard:
        """Listens to a piece of sound. Pieces of one conversation must come one after another.

        Raises:
            DomainError: for a piece that cannot be read.
        """
        heard = await run_to_end(self._threads, partial(self._first, ear, piece))
        while len(heard.probabilities) < len(heard.windows):
            heard.probabilities.extend(await run_to_end(self._threads, partial(self._next, ear, heard)))
        return heard

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _first(self, ear: Ear, piece: Piece) -> Heard:
        heard = Heard(ear.memory.windows(ear.intake.take(piece)), [])
        heard.probabilities.extend(self._next(ear, heard))
        return heard

    def _next(self, ear: Ear, heard: Heard) -> list[float]:
        done = len(heard.probabilities)
        return self._model.probabilities(ear.memory, heard.windows[done : done + _WINDOWS_A_TURN])
