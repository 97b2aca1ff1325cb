"""Cuts a recording into windows of speech, one at a time, so that memory and waiting times stay small.

Each cut looks only at the audio of its own window. Another recording's window may therefore be worked between two of
them, and a cancelled recording costs no more than the window at work.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps

from quintet_audio.decode import Recording, Samples
from quintet_stt.engine import Silence

RATE_HZ = 16_000
_SHORTEST_S = 0.1
# The loudest 50 ms of speech stay above this even from a distant microphone; the noise of a quiet one does not.
_QUIETEST_RMS = 0.001
# Speech is kept together with what surrounds it: recognisers need the onset of its first sound.
_MARGIN_S = 0.3
_VAD = VadOptions(threshold=0.5, min_speech_duration_ms=90, min_silence_duration_ms=300, speech_pad_ms=0)


@dataclass(frozen=True)
class Window:
    """A stretch of a recording: `samples` without the silence at its ends, and where they start and end.

    `next_s` is where the following window begins. A window without speech has no samples.
    """

    samples: Samples
    start_s: float
    end_s: float
    next_s: float

    @property
    def has_speech(self) -> bool:
        """Whether anyone seems to speak in the window."""
        return len(self.samples) > 0


def obvious_silence(recording: Recording) -> Silence | None:
    """Returns why a recording cannot hold speech, as far as its length and its loudness tell."""
    if recording.duration_s < _SHORTEST_S:
        return Silence.TOO_SHORT
    frame = RATE_HZ // 20
    whole = len(recording.samples) // frame * frame
    frames = recording.samples[:whole].reshape(-1, frame)
    # One product a frame and no squared copy: half an hour of samples is 115 MB.
    loudest = np.sqrt(np.einsum("ij,ij->i", frames, frames).max() / frame)
    return Silence.TOO_QUIET if loudest < _QUIETEST_RMS else None


def next_window(recording: Recording, position_s: float, longest_s: float) -> Window:
    """Finds the speech from `position_s` on, and cuts at a pause where more than `longest_s` are left."""
    first = round(position_s * RATE_HZ)
    block = recording.samples[first : first + round(longest_s * RATE_HZ)]
    speech = [(part["start"], part["end"]) for part in get_speech_timestamps(block, _VAD)]
    is_last = first + len(block) >= len(recording.samples)
    cut = len(block) if is_last else _cut(speech, len(block))
    spoken = [part for part in speech if part[0] < cut]
    next_s = (first + cut) / RATE_HZ
    if not spoken:
        return Window(block[:0], position_s, position_s, next_s)
    margin = round(_MARGIN_S * RATE_HZ)
    start, end = max(0, spoken[0][0] - margin), min(cut, spoken[-1][1] + margin)
    return Window(block[start:end], (first + start) / RATE_HZ, (first + end) / RATE_HZ, next_s)


def _cut(speech: list[tuple[int, int]], length: int) -> int:
    """Returns where to cut a full block: in its last pause, but not in its first third, or hard at its end."""
    pauses = [(end + start) // 2 for (_, end), (start, _) in pairwise(speech)]
    if speech and speech[-1][1] < length:
        pauses.append((speech[-1][1] + length) // 2)
    late = [pause for pause in pauses if pause > length // 3]
    return max(late, default=length)
