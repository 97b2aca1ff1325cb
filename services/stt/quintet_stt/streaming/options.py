"""How a caller wants a conversation to be followed."""

from dataclasses import dataclass, field

from google.protobuf.duration_pb2 import Duration

from quintet.stt.v1 import stt_service_pb2 as pb
from quintet_engines import EngineInfo
from quintet_errors import DomainError, Reason
from quintet_stt.engine import LanguageHints
from quintet_stt.language import primary_tag, unsupported
from quintet_stt.messages import hints_of


@dataclass(frozen=True)
class StreamingOptions:
    """An empty `language` is found in what is said, with the `hints`; times are in seconds."""

    language: str = ""
    word_times: bool = False
    interim: bool = False
    end_silence_s: float = 0.8
    audio_pause_s: float = 1.2
    hints: LanguageHints = field(default_factory=LanguageHints)


def options_of(config: pb.StreamingTranscribeConfig, engine: EngineInfo) -> StreamingOptions:
    """Reads the first message of a stream.

    Raises:
        DomainError: INVALID_ARGUMENT, or UNSUPPORTED_LANGUAGE for a language that the engine does not know.
    """
    _check_language(config.language, engine)
    return StreamingOptions(
        language=config.language,
        word_times=config.word_times,
        interim=config.interim,
        end_silence_s=_seconds(config, "end_silence", StreamingOptions.end_silence_s, 0.2, 5),
        audio_pause_s=_seconds(config, "audio_pause", StreamingOptions.audio_pause_s, 0.5, 30),
        hints=hints_of(config),
    )


def _check_language(language: str, engine: EngineInfo) -> None:
    if language and engine.languages and primary_tag(language) not in engine.languages:
        raise unsupported(language, engine.name, f"The live speech engine {engine.name} does not understand {{}}.")


def _seconds(config: pb.StreamingTranscribeConfig, name: str, default_s: float, least_s: float, most_s: float) -> float:
    if not config.HasField(name):  # type: ignore[arg-type]
        return default_s
    duration: Duration = getattr(config, name)
    seconds = duration.seconds + duration.nanos / 1e9
    if not least_s <= seconds <= most_s:
        sentence = f"`{name}` must be from {least_s:g} to {most_s:g} seconds."
        raise DomainError(Reason.INVALID_ARGUMENT, sentence, {"field": name})
    return seconds
