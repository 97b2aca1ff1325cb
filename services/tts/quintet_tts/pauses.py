"""Joins the sounds of texts: every engine ends a text with a silence of its own, too long between clauses."""

from array import array

_SAMPLE_BYTES = 2
_WINDOW_S = 0.005
# Of the silence at an end so much stays: soft consonants begin and end below what counts as loud.
_KEPT_S = 0.010
# A silence of this length inside of a text is meant, and is not held back any longer.
_LONGEST_HELD_S = 1.0
# 54 dB below the loudest sound; a cut in what is quieter is no audible click.
_LOUD = 64
# Voices may begin and end at full height, which clicks next to a silence: they rise and fall within this time.
_RAMP_S = 0.002

_SENTENCE_ENDS = frozenset(".!?…。！？｡।॥؟۔")
_CLAUSE_ENDS = frozenset(",;:—–、，；：،؛")
_CLOSING_MARKS = "\"'”’»)]」』）"
_AFTER_SENTENCE_S, _AFTER_CLAUSE_S, _AFTER_WORD_S = 0.200, 0.110, 0.050


def pause_after(text: str) -> float:
    """Returns how many seconds a speaker of normal speed is silent after a text, by the mark that it ends with."""
    body = text.rstrip()
    last = body.rstrip(_CLOSING_MARKS)[-1:]
    if last in _SENTENCE_ENDS or "\n" in text[len(body) :]:
        return _AFTER_SENTENCE_S
    return _AFTER_CLAUSE_S if last in _CLAUSE_ENDS else _AFTER_WORD_S


def silence(seconds: float, sample_rate_hz: int) -> bytes:
    """Returns s16le samples of silence; none for a time that is not above 0."""
    return bytes(max(0, round(seconds * sample_rate_hz)) * _SAMPLE_BYTES)


class QuietEnds:
    """Cuts the silence at both ends of a text's sound (mono s16le, whole samples) to 10 ms, while it is made.

    Silence is held back until sound follows, and of sound the last 7 ms, which may be its end.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._window_samples = max(1, round(_WINDOW_S * sample_rate_hz))
        self._ramp_samples = max(1, round(_RAMP_S * sample_rate_hz))
        self._kept_bytes = round(_KEPT_S * sample_rate_hz) * _SAMPLE_BYTES
        self._longest_held_bytes = round(_LONGEST_HELD_S * sample_rate_hz) * _SAMPLE_BYTES
        self._held = b""
        self.heard = False

    def feed(self, pcm: bytes) -> bytes:
        """Takes the next samples and returns those that are known to be inside of the sound."""
        loud = self._loud(array("h", pcm))
        if not loud:
            return self._hold(self._held + pcm)
        first, last = loud[0] * _SAMPLE_BYTES, loud[-1] * _SAMPLE_BYTES
        before = self._held + pcm[:first]
        if self.heard:
            sound = before + pcm[first:last]
        else:
            self.heard = True
            sound = self._rising(before[-self._kept_bytes :] + pcm[first:last])
        # The sound may end anywhere in its last window.
        last_bytes = (self._window_samples + self._ramp_samples) * _SAMPLE_BYTES
        self._held = sound[-last_bytes:] + pcm[last:]
        return sound[:-last_bytes]

    def finish(self) -> bytes:
        """Returns the end of the sound."""
        if not self.heard:
            return b""
        samples = array("h", self._held)
        end = next((at + 1 for at in reversed(range(len(samples))) if abs(samples[at]) > _LOUD), 0)
        for distance in range(min(self._ramp_samples, end)):
            samples[end - 1 - distance] = samples[end - 1 - distance] * distance // self._ramp_samples
        return samples.tobytes()[: end * _SAMPLE_BYTES + self._kept_bytes]

    def _rising(self, pcm: bytes) -> bytes:
        samples = array("h", pcm)
        start = next(at for at, sample in enumerate(samples) if abs(sample) > _LOUD)
        for distance in range(min(self._ramp_samples, len(samples) - start)):
            samples[start + distance] = samples[start + distance] * distance // self._ramp_samples
        return samples.tobytes()

    def _hold(self, quiet: bytes) -> bytes:
        if not self.heard:
            self._held = quiet[-self._kept_bytes :]
            return b""
        given = quiet if len(quiet) > self._longest_held_bytes else b""
        self._held = quiet[len(given) :]
        return given

    def _loud(self, samples: "array[int]") -> tuple[int, int] | None:
        """Finds the sample at which loud sound begins, and the one behind its end."""
        starts = range(0, len(samples), self._window_samples)
        first = next((start for start in starts if self._is_loud(samples, start)), None)
        if first is None:
            return None
        last = next(start for start in reversed(starts) if self._is_loud(samples, start))
        return first, min(len(samples), last + self._window_samples)

    def _is_loud(self, samples: "array[int]", start: int) -> bool:
        window = samples[start : start + self._window_samples]
        return max(window) > _LOUD or min(window) < -_LOUD
