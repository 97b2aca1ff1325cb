"""How probable speech is in each window: the Silero model, and what it remembers of a conversation."""

from typing import Any

import numpy as np
from faster_whisper.vad import get_vad_model
from numpy.typing import NDArray

from quintet_audio.decode import Samples
from quintet_stt.streaming.endpointing import WINDOW_SAMPLES

_CONTEXT_SAMPLES = 64
_STATE_SHAPE = (1, 1, 128)


class VoiceMemory:
    """What the model remembers of one conversation: 1 KiB of state, and the samples that are no window yet."""

    def __init__(self) -> None:
        self.h = np.zeros(_STATE_SHAPE, np.float32)
        self.c = np.zeros(_STATE_SHAPE, np.float32)
        self.context = np.zeros(_CONTEXT_SAMPLES, np.float32)
        self.rest: Samples = np.zeros(0, np.float32)

    def reset(self) -> None:
        """Forgets. The rest becomes silence and is not dropped, because offsets count samples."""
        for memory in (self.h, self.c, self.context, self.rest):
            memory[...] = 0

    def windows(self, samples: Samples) -> NDArray[np.float32]:
        """Returns the windows that `samples` complete, one a row."""
        samples = np.concatenate([self.rest, samples])
        whole = len(samples) - len(samples) % WINDOW_SAMPLES
        self.rest = samples[whole:].copy()
        return samples[:whole].reshape(-1, WINDOW_SAMPLES)


class VoiceModel:
    """The model, shared by all conversations and safe in several threads. Everything here blocks."""

    def __init__(self) -> None:
        self._session: Any = None

    def load(self) -> None:
        """Brings the model into memory; cutting recordings into windows shares it."""
        if self._session is None:
            self._session = get_vad_model().session

    def probabilities(self, memory: VoiceMemory, windows: NDArray[np.float32]) -> list[float]:
        """Returns the probability of speech in each window of a conversation, in order."""
        if not len(windows):
            return []
        self.load()
        before = np.concatenate([memory.context[None], windows[:-1, -_CONTEXT_SAMPLES:]])
        found, h, c = self._session.run(
            None, {"input": np.concatenate([before, windows], axis=1), "h": memory.h, "c": memory.c}
        )
        memory.h, memory.c = h.copy(), c.copy()
        memory.context = windows[-1, -_CONTEXT_SAMPLES:].copy()
        return [float(probability) for probability in found.reshape(-1)]
