"""The sound of a conversation, as much of it as may still be needed."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from quintet_audio.decode import Samples
from quintet_stt.streaming.endpointing import WINDOW_S, WINDOW_SAMPLES

LONGEST_S = 60.0
"""What is older is dropped, also in the middle of an utterance."""
_MOST_WINDOWS = int(LONGEST_S / WINDOW_S)


class Tape:
    """Whole windows, numbered from the start of the conversation."""

    def __init__(self) -> None:
        self._windows: deque[Samples] = deque(maxlen=_MOST_WINDOWS)
        self.end = 0

    @property
    def start(self) -> int:
        """Number of the oldest window."""
        return self.end - len(self._windows)

    def append(self, windows: NDArray[np.float32]) -> None:
        """Adds windows, one a row."""
        self.end += len(windows)
        # Copies: a row would keep the whole piece of sound in memory that it came with.
        self._windows.extend(row.copy() for row in windows[-_MOST_WINDOWS:])

    def forget_before(self, first: int) -> None:
        """Drops the windows before number `first`."""
        while self._windows and self.start < first:
            self._windows.popleft()

    def cut(self, first: int, end: int) -> tuple[int, Samples]:
        """Returns the samples of the windows from `first` to before `end`, and the number of the first one there is."""
        first = max(first, self.start)
        rows = [self._windows[number - self.start] for number in range(first, min(end, self.end))]
        return first, np.concatenate(rows) if rows else np.zeros(0, np.float32)


def seconds_of(windows: int) -> float:
    """Returns the length of so many windows."""
    return windows * WINDOW_SAMPLES / 16_000
