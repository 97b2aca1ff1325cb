"""aegis: the voice catalogue, its settings, and previews."""

import unicodedata

import pytest
from aegis_requests import AWAY, LIVE, furnish, refused

from quintet.media.v1.engine_pb2 import Engine
from quintet.tts.v1.tts_service_pb2 import Voice
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant import ServiceHealth

DEFAULTS = {
    "tts_provider": "quintet",
    "tts_model": "scripted-1",
    "tts_voice": "en-us",
    "tts_speed": 1.0,
    "stt_provider": "quintet",
    "stt_model": "scripted-1",
    "stt_language": None,
}
TTS = ["quintet", "openai"]
STT = ["quintet", "openai_whisper", "groq_whisper", "faster_whisper", "whisper_local"]
STT_MODELS = [
    *("scripted-1", "whisper-1", "whisper-large-v3-turbo", "whisper-large-v3", "large-v3", "medium", "small"),
    *("openai/whisper-large-v3", "openai/whisper-medium"),
]
HALLO = "Hallo, wie kann ich heute helfen?"
ALIASES = {
    "alloy": ("neutral", "neutral"),
    "echo": ("warm", "male"),
    "fable": ("expressive", "male"),
    "onyx": ("authoritative", "male"),
    "nova": ("energetic", "female"),
    "shimmer": ("expressive", "female"),
}


@pytest.fixture
async def assistant(assistant):
    return furnish(assistant)


async def read(client, path):
    response = await client.get(f"/voice/{path}")
    assert response.status == 200, await response.text()
    return await response.json()


@pytest.mark.parametrize(("kind", "ids"), [("tts", TTS), ("stt", STT)])
async def test_providers_begin_with_the_local_one(client, kind, ids):
    providers = await read(client, f"catalog/{kind}/providers")
    assert [one["id"] for one in providers] == ids
    for one in providers:
        assert one.keys() == {
            *("id", "name", "type", "requires_api_key", "api_key_env_var", "is_local", "description"),
        }
        assert (one["type"], one["requires_api_key"], one["api_key_env_var"]) == (kind, False, None)
        assert one["is_local"] is True
        assert "scripted" in one["description"]
    assert "alias" in providers[1]["description"]


async def test_provider_elsewhere_is_not_called_local(client, assistant):
    remote = ServiceHealth(serving=True, engine=Engine(name="provider", kind=Engine.KIND_REMOTE))
    assistant.health.known = {**assistant.health.known, "stt": remote}
    assert not any(one["is_local"] for one in await read(client, "catalog/stt/providers"))
    assert all(one["is_local"] for one in await read(client, "catalog/tts/providers"))


@pytest.mark.parametrize(
    ("kind", "provider", "models"),
    [
        ("tts", "quintet", ["scripted-1"]),
        ("tts", "openai", ["tts-1", "tts-1-hd"]),
        ("stt", "quintet", ["scripted-1"]),
        ("stt", "openai_whisper", ["whisper-1"]),
        ("stt", "groq_whisper", ["whisper-large-v3-turbo", "whisper-large-v3"]),
        ("stt", "faster_whisper", ["large-v3", "medium", "small"]),
        ("stt", "whisper_local", ["openai/whisper-large-v3", "openai/whisper-medium"]),
    ],
)
async def test_models(client, kind, provider, models):
    found = await read(client, f"catalog/{kind}/{provider}/models")
    assert [one["id"] for one in found] == models
    for one in found:
        assert one.keys() == {"id", "name", "provider_id", "quality", "description", "supports_streaming"}
        assert one["provider_id"] == provider
        assert one["quality"] in {"standard", "hd", "turbo"}
        assert one["supports_streaming"] is (kind == "tts")


async def test_local_voices(client):
    assert await read(client, "catalog/tts/quintet/voices") == [
        {
            "id": name,
            "name": title,
            "provider_id": "quintet",
            "model_ids": ["scripted-1"],
            "description": f"A voice of scripted for {languages}.",
            "category": None,
            "gender": None,
            "preview_text": text,
        }
        for name, title, languages, text in (
            ("de", "German", "de", HALLO),
            ("en-us", "American English", "en-US, en", "Hello, I'm American English. How can I help you today?"),
        )
    ]


async def test_voices_of_the_original_catalogue_say_who_speaks_for_them(client):
    found = await read(client, "catalog/tts/openai/voices")
    assert {one["id"]: (one["category"], one["gender"]) for one in found} == ALIASES
    assert found[4] == {
        "id": "nova",
        "name": "Nova",
        "provider_id": "openai",
        "model_ids": ["tts-1", "tts-1-hd"],
        "description": "An alias: spoken here by en-us of scripted.",
        "category": "energetic",
        "gender": "female",
        "preview_text": "Hello, I'm Nova. How can I help you today?",
    }


@pytest.mark.parametrize("path", ["tts/x/models", "tts/x/voices", "tts/openai_whisper/voices"])
async def test_unknown_tts_provider(client, path):
    detail = f"TTS provider not found: {path.split('/')[1]}. Available: quintet, openai"
    await refused(await client.get(f"/voice/catalog/{path}"), 404, detail)


async def test_unknown_stt_provider(client):
    detail = (
        "STT provider not found: openai. "
        "Available: quintet, openai_whisper, groq_whisper, faster_whisper, whisper_local"
    )
    await refused(await client.get("/api/v1/voice/catalog/stt/openai/models"), 404, detail)


async def test_summary(client):
    assert await read(client, "catalog/summary") == {
        "tts": {"provider_count": 2, "model_count": 3, "voice_count": 8, "providers": TTS},
        "stt": {"provider_count": 5, "model_count": 9, "providers": STT},
        "current_config": DEFAULTS,
    }


async def test_settings_are_kept(client):
    assert await read(client, "settings") == DEFAULTS
    changes = {"tts_provider": "openai", "tts_voice": "nova", "tts_speed": 4, "stt_language": "de"}
    response = await client.post("/voice/settings", json={**changes, "unknown": 1, "tts_model": None})
    expected = {**DEFAULTS, **changes, "tts_speed": 4.0}
    assert (response.status, await response.json()) == (200, expected)
    assert await read(client, "settings") == expected
    assert await (await client.get("/api/v1/voice/settings")).json() == expected
    assert await (await client.post("/voice/settings", json={})).json() == expected
    assert await (await client.post("/voice/settings", json={"tts_speed": None})).json() == expected
    response = await client.post("/voice/settings", json={"tts_speed": 0.25, "stt_language": ""})
    assert await response.json() == {**expected, "tts_speed": 0.25, "stt_language": None}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"tts_speed": 0.24}, "Field 'tts_speed' must be between 0.25 and 4"),
        ({"tts_speed": 4.01}, "Field 'tts_speed' must be between 0.25 and 4"),
        ({"tts_speed": "1"}, "Field 'tts_speed' must be a number"),
        ({"tts_speed": True}, "Field 'tts_speed' must be a number"),
        ({"tts_voice": 1}, "Field 'tts_voice' must be a string"),
        ({"tts_voice": ""}, "Field 'tts_voice' must not be blank"),
        ({"stt_model": "m" * 129}, "Field 'stt_model' must be at most 128 characters long"),
        ({"stt_language": ["de"]}, "Field 'stt_language' must be a string"),
        ({"stt_language": "d\ne"}, "Field 'stt_language' must not hold control characters"),
        ([], "The body is not a JSON object."),
    ],
)
async def test_settings_refuse(client, assistant, body, detail):
    await refused(await client.post("/voice/settings", json=body), 400, detail)
    assert not assistant.identity.values


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"tts_provider": "groq_whisper"}, "Field 'tts_provider' must be one of: quintet, openai"),
        ({"stt_provider": "openai"}, f"Field 'stt_provider' must be one of: {', '.join(STT)}"),
        ({"tts_model": "tts-2"}, "Field 'tts_model' must be one of: scripted-1, tts-1, tts-1-hd"),
        ({"stt_model": "tts-1"}, f"Field 'stt_model' must be one of: {', '.join(STT_MODELS)}"),
        ({"tts_speed": 2, "tts_voice": "Nova"}, "Field 'tts_voice' must be a voice of the catalogue"),
        ({"stt_language": "german!"}, "Field 'stt_language' must be a language tag, for example 'de'"),
        ({"stt_language": "xx"}, "Field 'stt_language' must be a language that is understood here"),
    ],
)
async def test_settings_take_what_exists_only(client, assistant, body, detail):
    listening = ServiceHealth(serving=True, engine=Engine(name="w", model="scripted-1", languages=["de", "en"]))
    assistant.health.known = {**assistant.health.known, "stt": listening}
    await refused(await client.post("/voice/settings", json=body), 400, detail)
    assert not assistant.identity.values
    for language in ("de", "en-GB", "DE-at"):
        assert (await client.post("/voice/settings", json={"stt_language": language})).status == 200


async def test_every_choice_of_the_catalogue_can_be_set_and_what_is_set_can_be_sent_again(client, assistant):
    for kind in ("tts", "stt"):
        for provider in await read(client, f"catalog/{kind}/providers"):
            name = provider["id"]
            models = await read(client, f"catalog/{kind}/{name}/models")
            voices = await read(client, f"catalog/tts/{name}/voices") if kind == "tts" else []
            body = {f"{kind}_provider": name, f"{kind}_model": models[-1]["id"]}
            body |= {"tts_voice": voices[0]["id"]} if voices else {}
            response = await client.post("/voice/settings", json=body)
            assert body.items() <= (await response.json()).items()
    assistant.identity.values["aegis", "voice"] = {"tts_voice": "gone", "tts_model": "old", "stt_language": "??"}
    before = await read(client, "settings")
    assert await (await client.post("/voice/settings", json=before)).json() == before


@pytest.mark.parametrize("body", [{"tts_voice": "de"}, {"tts_model": "m"}, {"stt_model": "m"}])
async def test_a_choice_that_nobody_can_judge_is_not_kept(client, assistant, body):
    absent = ServiceHealth(serving=False, engine=None)
    assistant.health.known = {**assistant.health.known, "tts": absent, "stt": absent}
    assistant.voices.failure = AWAY
    told = f"The service that knows what '{next(iter(body))}' may be is not available."
    await refused(await client.post("/voice/settings", json=body), 503, f"AI service error: {told}")
    assert not assistant.identity.values
    known = {"tts_voice": "nova", "tts_model": "tts-1", "stt_model": "whisper-1", "stt_language": "xx"}
    assert (await client.post("/voice/settings", json=known)).status == 200


async def test_failure_of_the_settings(client, assistant):
    assistant.identity.failure = AWAY
    detail = "AI service error: The service is away."
    await refused(await client.get("/voice/settings"), 503, detail)
    await refused(await client.post("/voice/settings", json={"tts_voice": "de"}), 503, detail)


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ({"voice_id": "de"}, (HALLO, "de", "de", 1.0)),
        ({"voice_id": "de", "text": "Guten Tag"}, ("Guten Tag", "de", "de", 1.0)),
        ({"voice_id": "de", "text": " "}, (HALLO, "de", "de", 1.0)),
        ({"voice_id": "nova", "text": None}, ("Hello, I'm Nova. How can I help you today?", "en-us", "en", 1.0)),
    ],
)
async def test_preview(client, assistant, asked, spoken):
    response = await client.post("/voice/preview", json=asked)
    assert response.status == 200
    assert response.headers["Content-Type"] == "audio/mpeg"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["Content-Disposition"] == f'inline; filename="{asked["voice_id"]}_preview.mp3"'
    assert await response.read() == b"\xff\xf3sound"
    assert assistant.voices.spoken == [spoken]


@pytest.mark.parametrize(
    ("languages", "script", "spoken"),
    [
        (["es-419"], "LATIN", "es-419"),
        (["fr"], "LATIN", "fr"),
        (["it"], "LATIN", "it"),
        (["pt-BR", "pt"], "LATIN", "pt-BR"),
        (["ru"], "CYRILLIC", "ru"),
        (["ja"], "HIRAGANA", "ja"),
        (["ko"], "HANGUL", "ko"),
        (["cmn", "zh-cmn", "zh"], "CJK", "zh-cmn"),
        (["ar"], "ARABIC", "ar"),
        (["ur"], "ARABIC", "ur"),
        (["hi"], "DEVANAGARI", "hi"),
        (["mr"], "DEVANAGARI", "mr"),
        (["th"], "THAI", "th"),
    ],
)
async def test_a_voice_introduces_itself_in_its_language(client, assistant, languages, script, spoken):
    assistant.voices.known = [Voice(name="v", languages=languages, display_name="V")]
    (listed,) = await read(client, "catalog/tts/quintet/voices")
    assert "Hello" not in listed["preview_text"]
    letters = [letter for letter in listed["preview_text"] if letter.isalpha()]
    assert sum(unicodedata.name(letter).startswith(script) for letter in letters) > len(letters) / 2
    assert (await client.get("/voice/preview/v")).status == 200
    assert assistant.voices.spoken == [(listed["preview_text"], "v", spoken, 1.0)]


@pytest.mark.parametrize(
    ("languages", "spoken"),
    [([], ""), (["sv"], "sv"), (["zh-Latn-pinyin"], "zh-Latn-pinyin"), (["ar", "de", "en-GB"], "en-GB")],
)
async def test_a_voice_of_another_or_of_many_languages_speaks_english(client, assistant, languages, spoken):
    assistant.voices.known = [Voice(name="v", languages=languages, display_name="V")]
    assert (await client.get("/voice/preview/v")).status == 200
    assert assistant.voices.spoken == [("Hello, I'm V. How can I help you today?", "v", spoken, 1.0)]


async def test_preview_for_browsers(client, assistant):
    for query in ("", "?text=Hi&speed=0.25", "?speed=4.0&text="):
        assert (await client.get(f"/voice/preview/en-us{query}")).status == 200
    own = "Hello, I'm American English. How can I help you today?"
    assert assistant.voices.spoken == [
        (own, "en-us", "en-US", 1.0),
        ("Hi", "en-us", "en-US", 0.25),
        (own, "en-us", "en-US", 4.0),
    ]


async def test_aliases_sound_apart_where_the_engine_can(client, assistant):
    espeak = ServiceHealth(serving=True, engine=Engine(name="espeak", model="espeak-ng"))
    assistant.health.known = {**assistant.health.known, "tts": espeak}
    for alias in ALIASES:
        assert (await client.get(f"/api/v1/voice/preview/{alias}")).status == 200
    voices = [voice for _, voice, _, _ in assistant.voices.spoken]
    assert voices == ["en-us", "en-us+m3", "en-gb+m5", "en-us+m7", "en-us+f3", "en-us+f5"]
    nova = (await read(client, "catalog/tts/openai/voices"))[4]
    assert nova["description"] == "An alias: spoken here by en-us+f3 of espeak."


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("speed=0.2", "Field 'speed' must be between 0.25 and 4"),
        ("speed=4.1", "Field 'speed' must be between 0.25 and 4"),
        ("speed=nan", "Field 'speed' must be between 0.25 and 4"),
        ("speed=fast", "Field 'speed' must be a number"),
        ("speed=", "Field 'speed' must be a number"),
        ("text=" + "x" * 4097, "Field 'text' must be at most 4096 characters long"),
    ],
)
async def test_preview_refuses_a_query(client, query, detail):
    await refused(await client.get(f"/voice/preview/alloy?{query}"), 400, detail)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "Field 'voice_id' is required"),
        ({"voice_id": 3}, "Field 'voice_id' must be a string"),
        ({"voice_id": "alloy", "text": 3}, "Field 'text' must be a string"),
        ({"voice_id": "a\r\nb"}, "Field 'voice_id' must not hold control characters"),
    ],
)
async def test_preview_refuses_a_body(client, body, detail):
    await refused(await client.post("/voice/preview", json=body), 400, detail)


@pytest.mark.parametrize("voice", ["x", 'a"b/c', "Alloy"])
async def test_unknown_voice(client, voice):
    await refused(await client.post("/voice/preview", json={"voice_id": voice}), 404, f"Voice not found: {voice}")


async def test_file_name_is_safe(client, assistant):
    assistant.voices.known[0].name = 'a"b\\c/é'
    response = await client.post("/voice/preview", json={"voice_id": 'a"b\\c/é'})
    assert response.headers["Content-Disposition"] == 'inline; filename="a_b_c___preview.mp3"'


@pytest.mark.parametrize(
    ("failure", "status", "detail"),
    [
        (AWAY, 503, "Voice preview generation failed: The service is away."),
        (DomainError(Reason.ENGINE_FAILED, "Broke."), 503, "Voice preview generation failed: Broke."),
        (DomainError(Reason.STORAGE_FAILED, "/x"), 503, "Voice preview generation failed: Internal server error"),
        (DomainError(Reason.INVALID_ARGUMENT, "Nothing to say."), 400, "Nothing to say."),
        (DomainError(Reason.VOICE_NOT_FOUND, "?"), 404, "Voice not found: alloy"),
    ],
)
async def test_failure_of_a_preview(client, assistant, failure, status, detail):
    assistant.voices.speaking_failure = failure
    response = await client.get("/voice/preview/alloy")
    await refused(response, status, detail)
    assert ("Retry-After" in response.headers) == (status == 503)


async def test_absent_service_leaves_the_catalogue_readable(client, assistant):
    assistant.voices.failure = AWAY
    absent = ServiceHealth(serving=False, engine=None)
    assistant.health.known = {**assistant.health.known, "tts": absent, "stt": ServiceHealth(True, LIVE)}
    assert (await read(client, "catalog/tts/providers"))[0]["description"] == (
        "The service is not available at the moment."
    )
    assert await read(client, "catalog/tts/quintet/voices") == []
    assert len(await read(client, "catalog/tts/openai/voices")) == 6
    assert await read(client, "settings") == {**DEFAULTS, "tts_model": "quintet", "tts_voice": "alloy"}
    detail = "Voice preview generation failed: The service is away."
    await refused(await client.get("/voice/preview/alloy"), 503, detail)
