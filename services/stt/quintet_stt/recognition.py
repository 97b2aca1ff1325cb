"""The way of every windowed engine through a recording: window by window, with progress, to one transcript."""

from collections.abc import Awaitable, Callable
from math import exp, log

from quintet_audio.decode import Recording
from quintet_stt.engine import Events, Heard, Progress, Segment, Silence, Transcript
from quintet_stt.windows import Window

FindWindow = Callable[[Recording, float], Awaitable[Window]]
Recognise = Callable[[Window, str], Awaitable[Heard]]
"""Recognises a window; the string is the language that the windows before it were in, empty for the first one."""

# Languages that are written without spaces between sentences.
_UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "km", "my", "bo"})


async def transcribe_windows(recording: Recording, find_window: FindWindow, recognise: Recognise) -> Events:
    """Yields progress after each window and the transcript at the end."""
    segments: list[Segment] = []
    language, probability, position_s = "", 0.0, 0.0
    while position_s < recording.duration_s:
        window = await find_window(recording, position_s)
        if window.has_speech:
            heard = await recognise(window, language)
            segments += heard.segments
            if heard.segments and not language:
                language, probability = heard.language, heard.language_probability
        position_s = window.next_s
        if position_s < recording.duration_s:
            yield Progress(position_s / recording.duration_s)
    yield _transcript(segments, language, probability)


def silent(silence: Silence) -> Transcript:
    """Returns the transcript of a recording in which nobody speaks."""
    return Transcript(silence=silence)


def _transcript(segments: list[Segment], language: str, probability: float) -> Transcript:
    if not segments:
        return silent(Silence.NO_SPEECH)
    return Transcript(
        text=("" if language in _UNSPACED else " ").join(segment.text for segment in segments),
        language=language,
        language_probability=probability,
        confidence=_mean_confidence(segments),
        segments=tuple(segments),
    )


def _mean_confidence(segments: list[Segment]) -> float:
    """Averages geometrically, weighted by length: confidences are means of probabilities of text pieces."""
    weights = [len(segment.text) for segment in segments]
    logs = [log(max(segment.confidence, 1e-6)) for segment in segments]
    return exp(sum(weight * value for weight, value in zip(weights, logs, strict=True)) / sum(weights))
