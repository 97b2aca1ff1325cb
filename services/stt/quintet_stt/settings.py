"""Settings of the speech to text service, read from `QUINTET_STT_*`."""

from typing import Literal

from pydantic import Field

from quintet_rpc import ServiceSettings, service_config


class SttSettings(ServiceSettings):
    """What an operator can choose."""

    model_config = service_config("stt")

    listen_addr: str = "127.0.0.1:50054"
    engine: Literal["auto", "faster-whisper", "pocketsphinx", "scripted"] = "auto"
    """`auto` takes faster-whisper if its model is installed, otherwise PocketSphinx."""
    model: str = "whisper-base"
    """Name of the Whisper model, as `quintet models list` shows it."""
    compute_type: str = "int8"
    """Arithmetic of the model: int8, int8_float32 or float32."""
    cpu_threads: int = Field(default=0, ge=0)
    """Threads of the model; 0 takes every core that the process may use."""
    max_audio_seconds: float = Field(default=1800, gt=0)
    """Longest recording, in seconds."""
    long_audio_seconds: float = Field(default=60, gt=0)
    """From this length on a recording waits in the lane of the long ones."""
    upload_memory_mib: int = Field(default=128, ge=32)
    """Memory of all files that are uploaded or wait to be decoded; one that finds none free is refused at once."""
    slots: int = Field(default=4, ge=1)
    """How many short recordings take turns at the engine."""
    waiting: int = Field(default=32, ge=0)
    """How many short recordings may wait for that."""
    long_slots: int = Field(default=1, ge=1)
    """How many long recordings take turns with the short ones."""
    long_waiting: int = Field(default=4, ge=0)
    """How many long recordings may wait for that; each is held in memory, 115 MB for half an hour."""
    streams: int = Field(default=100, ge=1)
    """How many conversations are followed at once; one more is refused at once."""
    interim_seconds: float = Field(default=1.0, ge=0.2)
    """New speech between two interim texts, in seconds."""
    stalled_reader_s: float = Field(default=30.0, gt=0)
    """How long a caller may leave what it is told unread before its conversation is ended."""
