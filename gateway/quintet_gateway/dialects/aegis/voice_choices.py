"""Whether the settings name what the catalogue holds."""

import re
from collections.abc import Callable, Collection, Mapping

from quintet.media.v1.engine_pb2 import Engine
from quintet_errors import DomainError, Reason
from quintet_gateway.dialects.aegis.errors import invalid
from quintet_gateway.dialects.aegis.json_values import Json
from quintet_gateway.dialects.aegis.voice_catalogue import (
    LOCAL,
    STT_ALIASES,
    TTS_ALIASES,
    VOICE_ALIASES,
    AliasProvider,
    Speech,
    model_id,
)

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def check_choices(changes: Mapping[str, Json], current: Mapping[str, Json], speech: Speech) -> None:
    """Looks at each value on its own; what is set already may be sent again.

    Raises:
        AegisError: 400 for what does not exist.
        DomainError: SERVICE_UNAVAILABLE if the service that would know it is away.
    """
    for name, value in changes.items():
        if name in _CHECKS and isinstance(value, str) and value != current[name]:
            _CHECKS[name](name, value, speech)


def _tts_provider(name: str, value: str, _speech: Speech) -> None:
    _check(name, value, [LOCAL, *TTS_ALIASES])


def _stt_provider(name: str, value: str, _speech: Speech) -> None:
    _check(name, value, [LOCAL, *STT_ALIASES])


def _tts_model(name: str, value: str, speech: Speech) -> None:
    _check_model(name, value, TTS_ALIASES, speech.tts)


def _stt_model(name: str, value: str, speech: Speech) -> None:
    _check_model(name, value, STT_ALIASES, speech.stt)


def _tts_voice(name: str, value: str, speech: Speech) -> None:
    if value in VOICE_ALIASES or speech.voice(value) is not None:
        return
    if not speech.voices:
        raise _away(name)
    raise invalid(f"Field '{name}' must be a voice of the catalogue")


def _stt_language(name: str, value: str, speech: Speech) -> None:
    if not _TAG.fullmatch(value):
        raise invalid(f"Field '{name}' must be a language tag, for example 'de'")
    known = speech.stt.languages if speech.stt else ()
    if known and value.partition("-")[0].lower() not in known:
        raise invalid(f"Field '{name}' must be a language that is understood here")


def _check_model(name: str, value: str, aliases: Mapping[str, AliasProvider], engine: Engine | None) -> None:
    named = [model.id for provider in aliases.values() for model in provider.models]
    if engine is None and value not in named:
        raise _away(name)
    _check(name, value, [model_id(engine), *named])


def _check(name: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise invalid(f"Field '{name}' must be one of: {', '.join(known)}")


def _away(name: str) -> DomainError:
    message = f"The service that knows what '{name}' may be is not available."
    return DomainError(Reason.SERVICE_UNAVAILABLE, message)


_CHECKS: Mapping[str, Callable[[str, str, Speech], None]] = {
    "tts_provider": _tts_provider,
    "tts_model": _tts_model,
    "tts_voice": _tts_voice,
    "stt_provider": _stt_provider,
    "stt_model": _stt_model,
    "stt_language": _stt_language,
}
