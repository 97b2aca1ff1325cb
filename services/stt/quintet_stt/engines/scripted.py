"""The scripted engine: plays a script instead of listening; for tests, benchmarks and writers of clients."""

from quintet_audio.decode import Recording
from quintet_engines import EngineInfo, EngineKind, Script, ScriptSource
from quintet_stt.engine import Events, Progress, Segment, Silence, TranscribeOptions, Transcript, Word
from quintet_stt.language import primary_tag

NAME = "scripted"
_DEFAULT_TEXT = "This is what the script says."
_DEFAULT_STEPS = 4


class ScriptedEngine:
    """Sends a progress event for each step of the request's script, then its text."""

    def __init__(self, script_source: ScriptSource) -> None:
        self._script_source = script_source

    def info(self) -> EngineInfo:
        """Describes the engine."""
        return EngineInfo(
            name=NAME,
            kind=EngineKind.SCRIPTED,
            choice_reason="The settings ask for the scripted engine.",
            capabilities=("transcription", "word-times"),
        )

    async def load(self) -> None:
        """Does nothing."""

    async def transcribe(self, recording: Recording, options: TranscribeOptions) -> Events:
        """Plays the script of the present request."""
        language = primary_tag(options.language) if options.language else "en"
        script = Script.parse(self._script_source())
        steps = _DEFAULT_STEPS if script.steps is None else script.steps
        async for played in script.run(_DEFAULT_STEPS):
            yield Progress((played.stop) / (steps + 1))
        yield _transcript(script.text or _DEFAULT_TEXT, language, recording.duration_s, word_times=options.word_times)

    async def close(self) -> None:
        """Does nothing."""


def _transcript(text: str, language: str, duration_s: float, *, word_times: bool) -> Transcript:
    if not duration_s:
        return Transcript(silence=Silence.TOO_SHORT)
    parts = text.split()
    each_s = duration_s / max(1, len(parts))
    words = tuple(Word(part, index * each_s, (index + 1) * each_s, 1.0) for index, part in enumerate(parts))
    segment = Segment(text, 0.0, duration_s, 1.0, words if word_times else ())
    return Transcript(text, language, 1.0, 1.0, (segment,))
