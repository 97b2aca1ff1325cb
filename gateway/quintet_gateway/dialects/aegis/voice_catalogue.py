"""The providers, models and voices that can be named: the local ones, and those of the original catalogue as aliases.

Nothing said here leaves the machine for a provider that an alias is named after; descriptions say who works instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quintet.media.v1.engine_pb2 import Engine
from quintet.tts.v1.tts_service_pb2 import Voice

LOCAL = "quintet"
_ESPEAK = "espeak"
_ENGLISH = "en"


@dataclass(frozen=True)
class AliasModel:
    """A model of the original catalogue."""

    id: str
    name: str
    quality: str = "standard"


@dataclass(frozen=True)
class AliasProvider:
    """A provider of the original catalogue."""

    name: str
    models: tuple[AliasModel, ...]


@dataclass(frozen=True)
class AliasVoice:
    """A voice of the original catalogue; `espeak` is the voice of espeak-ng that comes nearest to it."""

    id: str
    category: str
    gender: str
    espeak: str


TTS_ALIASES: Mapping[str, AliasProvider] = {
    "openai": AliasProvider("OpenAI TTS", (AliasModel("tts-1", "TTS-1"), AliasModel("tts-1-hd", "TTS-1 HD", "hd"))),
}

STT_ALIASES: Mapping[str, AliasProvider] = {
    "openai_whisper": AliasProvider("OpenAI Whisper", (AliasModel("whisper-1", "Whisper"),)),
    "groq_whisper": AliasProvider(
        "Groq Whisper",
        (
            AliasModel("whisper-large-v3-turbo", "Whisper Large v3 Turbo", "turbo"),
            AliasModel("whisper-large-v3", "Whisper Large v3", "hd"),
        ),
    ),
    "faster_whisper": AliasProvider(
        "Faster Whisper",
        (
            AliasModel("large-v3", "Large v3", "hd"),
            AliasModel("medium", "Medium"),
            AliasModel("small", "Small", "turbo"),
        ),
    ),
    "whisper_local": AliasProvider(
        "Whisper (local)",
        (
            AliasModel("openai/whisper-large-v3", "Whisper Large v3", "hd"),
            AliasModel("openai/whisper-medium", "Whisper Medium"),
        ),
    ),
}

VOICE_ALIASES: Mapping[str, AliasVoice] = {
    voice.id: voice
    for voice in (
        AliasVoice("alloy", "neutral", "neutral", "en-us"),
        AliasVoice("echo", "warm", "male", "en-us+m3"),
        AliasVoice("fable", "expressive", "male", "en-gb+m5"),
        AliasVoice("onyx", "authoritative", "male", "en-us+m7"),
        AliasVoice("nova", "energetic", "female", "en-us+f3"),
        AliasVoice("shimmer", "expressive", "female", "en-us+f5"),
    )
}
VOICE_ALIAS_PROVIDER = "openai"


@dataclass(frozen=True)
class Speech:
    """What runs here now; engines are None and voices empty while their services are away."""

    tts: Engine | None
    stt: Engine | None
    voices: Sequence[Voice]

    def voice(self, name: str) -> Voice | None:
        """Returns a local voice by its name."""
        return next((voice for voice in self.voices if voice.name == name), None)

    @property
    def default_voice(self) -> str:
        """Name of the local voice for English; the first one if none speaks it, empty if there is none."""
        speakers = [voice for voice in self.voices if _speaks_english(voice)]
        american = [voice for voice in speakers if "en-US" in voice.languages]
        chosen = [*american, *speakers, *self.voices]
        return chosen[0].name if chosen else ""

    def spoken_by(self, alias: AliasVoice) -> str:
        """Names the local voice that speaks for an alias."""
        return alias.espeak if self.tts is not None and self.tts.name == _ESPEAK else self.default_voice


def model_id(engine: Engine | None) -> str:
    """Returns the id of the model that an engine runs; one without a model goes by its own name."""
    return (engine.model or engine.name or LOCAL) if engine else LOCAL


def _speaks_english(voice: Voice) -> bool:
    return any(tag.partition("-")[0] == _ENGLISH for tag in voice.languages)
