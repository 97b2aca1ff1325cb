"""Plays a script instead of speaking: buffers of a tone, at a stated pace, with an error on demand."""

import math
import struct
from collections.abc import AsyncGenerator, Sequence

from quintet_engines import EngineInfo, EngineKind, Script, ScriptSource
from quintet_tts.engine import Finished, SpeechEvent, SpeechRequest, Started, Voice, voice_not_found

SAMPLE_RATE_HZ = 22050
BUFFER_S = 0.1
_CHARACTERS_PER_BUFFER = 2
_TONE_HZ = 440  # Whole periods fit into a buffer, so that buffers join without a click.
_LOUDNESS = 8000
# So many buffers make at most 64 KiB.
_MOST_BUFFERS = (64 << 10) // (2 * round(SAMPLE_RATE_HZ * BUFFER_S))
_VOICE = Voice("tone", ("en",), "Tone of 440 Hz")


def _tone() -> bytes:
    count = round(SAMPLE_RATE_HZ * BUFFER_S)
    step = 2 * math.pi * _TONE_HZ / SAMPLE_RATE_HZ
    return struct.pack(f"<{count}h", *(round(_LOUDNESS * math.sin(step * index)) for index in range(count)))


class ScriptedEngine:
    """Emits one buffer of 100 ms a step; without `steps` as many as the text would roughly take."""

    def __init__(self, script_source: ScriptSource, choice_reason: str = "") -> None:
        self._script_source = script_source
        self._choice_reason = choice_reason
        self._buffer = _tone()

    def announce(self, request: SpeechRequest) -> Started:
        """Tells that the tone sounds, in whatever language."""
        if request.voice not in {"", _VOICE.name}:
            raise voice_not_found(request.voice)
        return Started(SAMPLE_RATE_HZ, _VOICE.name, request.language or "en")

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechEvent, None]:
        """Plays the script of the present request; `burst` buffers leave as one."""
        started = self.announce(request)
        script = Script.parse(self._script_source())
        yield started
        buffers = 0
        async for steps in script.run(_default_steps(request)):
            buffers += len(steps)
            for start in range(0, len(steps), _MOST_BUFFERS):
                yield self._buffer * min(_MOST_BUFFERS, len(steps) - start)
        yield Finished(buffers * BUFFER_S)

    def voices(self, language: str) -> Sequence[Voice]:
        """Lists the one voice."""
        speaks = language.strip().lower().partition("-")[0] in {"", "en"}
        return [_VOICE] if speaks else []

    def info(self) -> EngineInfo:
        """Describes the engine; it takes every language."""
        return EngineInfo(
            name="scripted",
            kind=EngineKind.SCRIPTED,
            choice_reason=self._choice_reason,
            capabilities=("streaming", "speaking_rate"),
        )

    async def warm_up(self) -> None:
        """Has nothing to load."""

    async def close(self) -> None:
        """Has nothing to stop."""


def _default_steps(request: SpeechRequest) -> int:
    return max(1, math.ceil(len(request.text) / _CHARACTERS_PER_BUFFER / request.speaking_rate))
