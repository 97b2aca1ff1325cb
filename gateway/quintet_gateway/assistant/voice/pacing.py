"""The time of sound: how long it is, and how much of what was sent can have been heard by now."""

import time
from collections.abc import Callable, Iterator

from quintet.media.v1.audio_pb2 import AUDIO_ENCODING_MP3, AudioFormat

_PIECE_S = 0.2
_SAMPLE_BYTES = 2
# What the tts service makes of an MP3 stream that nobody chose the rate of.
_MP3_BITS_PER_SECOND = 48_000


def bytes_per_second(form: AudioFormat, bit_rate_bps: int = 0) -> float:
    """Returns how many bytes a second of sound has; `bit_rate_bps` is the one asked for, 0 for the default."""
    if form.encoding == AUDIO_ENCODING_MP3:
        return (bit_rate_bps or _MP3_BITS_PER_SECOND) / 8
    return form.sample_rate_hz * _frame_bytes(form)


def pieces(audio: bytes, form: AudioFormat, bit_rate_bps: int = 0) -> Iterator[bytes]:
    """Cuts sound into pieces of some 200 ms, between two samples."""
    frame = _frame_bytes(form)
    step = max(frame, int(bytes_per_second(form, bit_rate_bps) * _PIECE_S) // frame * frame)
    return (audio[start : start + step] for start in range(0, len(audio), step))


def _frame_bytes(form: AudioFormat) -> int:
    return _SAMPLE_BYTES * max(1, form.channel_count)


class Playout:
    """A player that begins with the first sound, never skips any, and falls silent when it has none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends_at = clock()
        self.sent_s = 0.0
        """Length of the sound that was sent."""

    def sent(self, seconds: float) -> None:
        """Notes that sound has gone out."""
        self._ends_at = max(self._ends_at, self._clock()) + seconds
        self.sent_s += seconds

    @property
    def ahead_s(self) -> float:
        """Length of the sound that was sent and can't have been heard yet."""
        return max(0.0, self._ends_at - self._clock())

    @property
    def played_s(self) -> float:
        """Length of the sound that can have been heard."""
        return max(0.0, self.sent_s - self.ahead_s)
