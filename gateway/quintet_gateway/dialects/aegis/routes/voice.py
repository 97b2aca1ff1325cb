"""The voice catalogue, its settings, and voices to hear."""

import re
from collections.abc import Sequence

from aiohttp import web

from quintet_errors import DomainError, Reason
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Assistant
from quintet_gateway.dialects.aegis.errors import failed, not_found
from quintet_gateway.dialects.aegis.introductions import english, introduction
from quintet_gateway.dialects.aegis.json_values import Json
from quintet_gateway.dialects.aegis.owner import SURFACE
from quintet_gateway.dialects.aegis.routes.endpoint import Endpoint
from quintet_gateway.dialects.aegis.schemas import voice as schemas
from quintet_gateway.dialects.aegis.schemas.voice import PreviewRequest
from quintet_gateway.dialects.aegis.translate import voice as translate
from quintet_gateway.dialects.aegis.voice_catalogue import (
    LOCAL,
    STT_ALIASES,
    TTS_ALIASES,
    VOICE_ALIASES,
    Speech,
)
from quintet_gateway.dialects.aegis.voice_choices import check_choices

_SUBJECT = "voice"
_ENGLISH = "en"
_UNSAFE_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._+-]")


class VoiceRoutes:
    """The endpoints under `/voice`."""

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [
            Endpoint("GET", "/voice/catalog/tts/providers", _tts_providers),
            Endpoint("GET", "/voice/catalog/stt/providers", _stt_providers),
            Endpoint("GET", "/voice/catalog/tts/{provider_id:[^/]+}/models", _tts_models),
            Endpoint("GET", "/voice/catalog/stt/{provider_id:[^/]+}/models", _stt_models),
            Endpoint("GET", "/voice/catalog/tts/{provider_id:[^/]+}/voices", _voices),
            Endpoint("GET", "/voice/catalog/summary", _summary),
            Endpoint("GET", "/voice/settings", _read_settings),
            Endpoint("POST", "/voice/settings", _write_settings),
            Endpoint("POST", "/voice/preview", _post_preview),
            Endpoint("GET", "/voice/preview/{voice_id:[^/]+}", _get_preview),
        ]


async def _tts_providers(request: web.Request) -> web.Response:
    return web.json_response(translate.tts_providers(await _speech(request.app[ASSISTANT])))


async def _stt_providers(request: web.Request) -> web.Response:
    return web.json_response(translate.stt_providers(await _speech(request.app[ASSISTANT])))


async def _tts_models(request: web.Request) -> web.Response:
    provider_id = request.match_info["provider_id"]
    models = translate.tts_models(provider_id, await _speech(request.app[ASSISTANT]))
    return _listed(models, "TTS", provider_id)


async def _stt_models(request: web.Request) -> web.Response:
    provider_id = request.match_info["provider_id"]
    models = translate.stt_models(provider_id, await _speech(request.app[ASSISTANT]))
    return _listed(models, "STT", provider_id)


async def _voices(request: web.Request) -> web.Response:
    provider_id = request.match_info["provider_id"]
    voices = translate.voices(provider_id, await _speech(request.app[ASSISTANT]))
    return _listed(voices, "TTS", provider_id)


async def _summary(request: web.Request) -> web.Response:
    assistant = request.app[ASSISTANT]
    speech = await _speech(assistant)
    stored = await assistant.identity.settings(SURFACE, _SUBJECT)
    return web.json_response(translate.summary(speech, translate.settings(stored.values, speech)))


async def _read_settings(request: web.Request) -> web.Response:
    assistant = request.app[ASSISTANT]
    stored = await assistant.identity.settings(SURFACE, _SUBJECT)
    return web.json_response(translate.settings(stored.values, await _speech(assistant)))


async def _write_settings(request: web.Request) -> web.Response:
    assistant = request.app[ASSISTANT]
    changes = await schemas.read_settings(request)
    stored = await assistant.identity.settings(SURFACE, _SUBJECT)
    speech = await _speech(assistant)
    if changes:
        check_choices(changes, translate.settings(stored.values, speech), speech)
        stored = await assistant.identity.update_settings(SURFACE, _SUBJECT, changes)
    return web.json_response(translate.settings(stored.values, speech))


async def _post_preview(request: web.Request) -> web.Response:
    return await _preview(request.app[ASSISTANT], await schemas.read_preview_body(request))


async def _get_preview(request: web.Request) -> web.Response:
    return await _preview(request.app[ASSISTANT], schemas.read_preview_query(request))


async def _preview(assistant: Assistant, asked: PreviewRequest) -> web.Response:
    try:
        audio = await _speak(assistant, asked)
    except DomainError as error:
        if error.reason is Reason.VOICE_NOT_FOUND:
            raise not_found(f"Voice not found: {asked.voice_id}") from None
        raise failed("Voice preview generation failed", error, status=503) from None
    name = _UNSAFE_IN_FILE_NAMES.sub("_", asked.voice_id)
    headers = {"Content-Disposition": f'inline; filename="{name}_preview.mp3"', "Cache-Control": "no-cache"}
    return web.Response(body=audio, content_type="audio/mpeg", headers=headers)


async def _speak(assistant: Assistant, asked: PreviewRequest) -> bytes:
    speech = await _speech(assistant, voices_needed=True)
    voice, alias = speech.voice(asked.voice_id), VOICE_ALIASES.get(asked.voice_id)
    if voice is not None:
        own = introduction(voice)
        language = own.language if asked.text is None else next(iter(voice.languages), "")
        return await assistant.voices.preview(
            asked.text or own.text, voice=voice.name, language=language, speed=asked.speed
        )
    if alias is None:
        raise not_found(f"Voice not found: {asked.voice_id}")
    text = asked.text or english(alias.id.title())
    local = speech.spoken_by(alias)
    return await assistant.voices.preview(text, voice=local, language=_ENGLISH, speed=asked.speed)


async def _speech(assistant: Assistant, *, voices_needed: bool = False) -> Speech:
    """Returns what runs here; a service that is away leaves its part empty, unless its voices are needed."""
    services = await assistant.health.services()
    try:
        voices = await assistant.voices.list()
    except DomainError:
        if voices_needed:
            raise
        voices = []
    return Speech(services["tts"].engine, services["stt"].engine, voices)


def _listed(entries: Sequence[Json] | None, kind: str, provider_id: str) -> web.Response:
    if entries is None:
        available = ", ".join([LOCAL, *(TTS_ALIASES if kind == "TTS" else STT_ALIASES)])
        raise not_found(f"{kind} provider not found: {provider_id}. Available: {available}")
    return web.json_response(entries)
