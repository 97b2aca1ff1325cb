"""Settings of the text to speech service, from `QUINTET_TTS_*`."""

from typing import Literal

from pydantic import Field

from quintet_rpc import ServiceSettings, service_config


class TtsSettings(ServiceSettings):
    """What can be set."""

    model_config = service_config("tts")

    listen_addr: str = "127.0.0.1:50055"
    engine: Literal["auto", "espeak", "scripted"] = "auto"
    """`auto` takes espeak-ng."""
    slots: int = Field(default=32, ge=1)
    """Texts that are spoken at the same time; they take turns at the engine."""
    waiting: int = Field(default=64, ge=0)
    """Texts that wait for a slot; one more is refused at once."""
    max_audio_s: float = Field(default=3600.0, gt=0)
    """Longest sound of one call, in seconds; as MP3, the default is 22 MB."""
    stalled_reader_s: float = Field(default=30.0, gt=0)
    """A caller that takes no sound for so long loses its call."""
    idle_caller_s: float = Field(default=300.0, gt=0)
    """A caller of a stream of texts that sends none for so long loses its call."""
