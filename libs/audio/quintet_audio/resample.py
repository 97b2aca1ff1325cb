"""Changes the sample rate of mono 16-bit sound while it is made.

FFmpeg's resampler holds 2 ms of sound back at most. libsoxr's streaming one, which is as exact and half again as fast,
holds back 40 to 170 ms: too much in front of the first sound.
"""

from collections.abc import Iterable

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

SAMPLE_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""The rates that sound is asked for in; a `Resampler` takes and makes each of them."""

_SAMPLE_BYTES = 2


class Resampler:
    """Resamples mono s16le samples piece by piece; the joins between pieces cannot be heard.

    One resampler is fed by one thread at a time. `from_hz` and `to_hz` are samples per second.

    Raises:
        ValueError: for a rate that is not one of `SAMPLE_RATES_HZ`.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        for rate in (from_hz, to_hz):
            if rate not in SAMPLE_RATES_HZ:
                raise ValueError(f"{rate} Hz is not one of the sample rates {SAMPLE_RATES_HZ}")
        self._from_hz = from_hz
        self._resampler = None if from_hz == to_hz else AudioResampler("s16", "mono", to_hz)
        self._odd = b""

    def feed(self, pcm: bytes) -> bytes:
        """Takes samples, of any number of bytes, and returns all but the last 2 ms of what they became."""
        pcm = self._odd + pcm
        whole = len(pcm) - len(pcm) % _SAMPLE_BYTES
        self._odd = pcm[whole:]
        if self._resampler is None or not whole:
            return pcm[:whole]
        return _samples(self._resampler.resample(self._frame(pcm[:whole])))

    def finish(self) -> bytes:
        """Ends the sound and returns its last samples; nothing can be fed afterwards."""
        return b"" if self._resampler is None else _samples(self._resampler.resample(None))

    def _frame(self, pcm: bytes) -> AudioFrame:
        frame = AudioFrame(format="s16", layout="mono", samples=len(pcm) // _SAMPLE_BYTES)
        frame.planes[0].update(pcm)
        frame.sample_rate = self._from_hz
        return frame


def _samples(frames: Iterable[AudioFrame]) -> bytes:
    # The plane of a frame may be longer than its sound.
    return b"".join(bytes(frame.planes[0])[: frame.samples * _SAMPLE_BYTES] for frame in frames)
