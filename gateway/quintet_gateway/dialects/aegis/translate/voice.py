"""The voice catalogue and its settings, in the words of the document."""

from collections.abc import Mapping

from quintet.media.v1.engine_pb2 import Engine
from quintet.tts.v1.tts_service_pb2 import Voice
from quintet_gateway.dialects.aegis.introductions import english, introduction
from quintet_gateway.dialects.aegis.json_values import Json
from quintet_gateway.dialects.aegis.voice_catalogue import (
    LOCAL,
    STT_ALIASES,
    TTS_ALIASES,
    VOICE_ALIAS_PROVIDER,
    VOICE_ALIASES,
    AliasModel,
    AliasProvider,
    AliasVoice,
    Speech,
    model_id,
)

_DEFAULT_SPEED = 1.0
_SETTINGS = ("tts_provider", "tts_model", "tts_voice", "tts_speed", "stt_provider", "stt_model", "stt_language")
_LOCAL_NAME = "Quintet (this server)"


def tts_providers(speech: Speech) -> list[Mapping[str, Json]]:
    """Returns who speaks: the local provider first."""
    return _providers("tts", speech.tts, TTS_ALIASES)


def stt_providers(speech: Speech) -> list[Mapping[str, Json]]:
    """Returns who listens: the local provider first."""
    return _providers("stt", speech.stt, STT_ALIASES)


def tts_models(provider_id: str, speech: Speech) -> list[Mapping[str, Json]] | None:
    """Returns the models of a provider; None if there is no such provider."""
    return _models(provider_id, speech.tts, TTS_ALIASES, supports_streaming=True)


def stt_models(provider_id: str, speech: Speech) -> list[Mapping[str, Json]] | None:
    """Returns the models of a provider; None if there is no such provider."""
    return _models(provider_id, speech.stt, STT_ALIASES, supports_streaming=False)


def voices(provider_id: str, speech: Speech) -> list[Mapping[str, Json]] | None:
    """Returns the voices of a provider; None if there is no such provider."""
    if provider_id == LOCAL:
        return [_local_voice(voice, speech) for voice in speech.voices]
    if provider_id not in TTS_ALIASES:
        return None
    model_ids = [model.id for model in TTS_ALIASES[provider_id].models]
    return [_alias_voice(voice, model_ids, speech) for voice in VOICE_ALIASES.values()]


def settings(stored: Mapping[str, Json], speech: Speech) -> Mapping[str, Json]:
    """Returns the seven settings: what was stored, and for the rest what runs here."""
    defaults: Mapping[str, Json] = {
        "tts_provider": LOCAL,
        "tts_model": model_id(speech.tts),
        "tts_voice": speech.default_voice or "alloy",
        "tts_speed": _DEFAULT_SPEED,
        "stt_provider": LOCAL,
        "stt_model": model_id(speech.stt),
        "stt_language": None,
    }
    return {name: stored.get(name, defaults[name]) for name in _SETTINGS}


def summary(speech: Speech, current: Mapping[str, Json]) -> Mapping[str, Json]:
    """Returns the sizes of the catalogue, and the settings."""
    return {
        "tts": {
            "provider_count": 1 + len(TTS_ALIASES),
            "model_count": 1 + sum(len(provider.models) for provider in TTS_ALIASES.values()),
            "voice_count": len(speech.voices) + len(VOICE_ALIASES),
            "providers": [LOCAL, *TTS_ALIASES],
        },
        "stt": {
            "provider_count": 1 + len(STT_ALIASES),
            "model_count": 1 + sum(len(provider.models) for provider in STT_ALIASES.values()),
            "providers": [LOCAL, *STT_ALIASES],
        },
        "current_config": current,
    }


def _providers(kind: str, engine: Engine | None, aliases: Mapping[str, AliasProvider]) -> list[Mapping[str, Json]]:
    is_local = engine is None or engine.kind != Engine.KIND_REMOTE
    told = f"Runs here with {_engine_name(engine)}." if engine else "The service is not available at the moment."
    local = _provider(LOCAL, _LOCAL_NAME, kind, told, is_local=is_local)
    named = [
        _provider(name, provider.name, kind, _alias_description(provider.name, engine), is_local=is_local)
        for name, provider in aliases.items()
    ]
    return [local, *named]


def _provider(provider_id: str, name: str, kind: str, description: str, *, is_local: bool) -> Mapping[str, Json]:
    return {
        "id": provider_id,
        "name": name,
        "type": kind,
        "requires_api_key": False,
        "api_key_env_var": None,
        "is_local": is_local,
        "description": description,
    }


def _models(
    provider_id: str, engine: Engine | None, aliases: Mapping[str, AliasProvider], *, supports_streaming: bool
) -> list[Mapping[str, Json]] | None:
    if provider_id == LOCAL:
        name = model_id(engine)
        told = f"What runs here: {_engine_name(engine)}." if engine else "The service is not available at the moment."
        title = f"{_engine_name(engine)} {name}" if engine and engine.model else name
        return [_model(AliasModel(name, title), LOCAL, told, supports_streaming=supports_streaming)]
    provider = aliases.get(provider_id)
    if provider is None:
        return None
    told = _alias_description(provider.name, engine)
    return [_model(model, provider_id, told, supports_streaming=supports_streaming) for model in provider.models]


def _model(model: AliasModel, provider_id: str, description: str, *, supports_streaming: bool) -> Mapping[str, Json]:
    return {
        "id": model.id,
        "name": model.name,
        "provider_id": provider_id,
        "quality": model.quality,
        "description": description,
        "supports_streaming": supports_streaming,
    }


def _local_voice(voice: Voice, speech: Speech) -> Mapping[str, Json]:
    return {
        "id": voice.name,
        "name": voice.display_name or voice.name,
        "provider_id": LOCAL,
        "model_ids": [model_id(speech.tts)],
        "description": f"A voice of {_engine_name(speech.tts)} for {', '.join(voice.languages)}.",
        # Engines do not say how their voices sound.
        "category": None,
        "gender": None,
        "preview_text": introduction(voice).text,
    }


def _alias_voice(voice: AliasVoice, model_ids: list[str], speech: Speech) -> Mapping[str, Json]:
    local = speech.spoken_by(voice)
    told = f"An alias: spoken here by {local} of {_engine_name(speech.tts)}." if local else "An alias of a local voice."
    name = voice.id.title()
    return {
        "id": voice.id,
        "name": name,
        "provider_id": VOICE_ALIAS_PROVIDER,
        "model_ids": model_ids,
        "description": told,
        "category": voice.category,
        "gender": voice.gender,
        "preview_text": english(name),
    }


def _alias_description(name: str, engine: Engine | None) -> str:
    return f"An alias for clients that ask for {name}: {_engine_name(engine)} of this server does the work."


def _engine_name(engine: Engine | None) -> str:
    return engine.name if engine and engine.name else "the engine"
