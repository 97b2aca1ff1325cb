import pytest

from quintet_errors import DomainError, Reason
from quintet_tts.engines.espeak_library import load_library
from quintet_tts.engines.espeak_voices import VoiceCatalogue, canonical_tag


@pytest.fixture(scope="module")
def catalogue():
    library = load_library()
    return VoiceCatalogue(library.voices(), library.variants())


@pytest.mark.parametrize(
    ("language", "voice", "spoken"),
    [
        ("", "en-us", "en"),
        ("en", "en-us", "en"),
        ("en-US", "en-us", "en-US"),
        ("en-GB", "en-gb", "en-GB"),
        ("en-AU", "en-us", "en"),
        ("en_GB", "en-gb", "en-GB"),
        ("EN-gb", "en-gb", "en-GB"),
        ("fr", "fr-fr", "fr"),
        ("fr-CA", "fr-fr", "fr"),
        ("fr-BE", "fr-be", "fr-BE"),
        ("pt", "pt-br", "pt"),
        ("pt-PT", "pt", "pt-PT"),
        ("es-MX", "es-419", "es-MX"),
        ("zh", "cmn", "zh"),
        ("zh-CN", "cmn", "zh"),
        ("zh-Hant-TW", "cmn", "zh"),
        ("hi-IN", "hi", "hi"),
        ("no", "nb", "no"),
    ],
)
def test_language_finds_its_voice(catalogue, language, voice, spoken):
    choice = catalogue.choose(language, "")
    assert (choice.voice, choice.language) == (voice, spoken)


@pytest.mark.parametrize(
    ("voice", "language", "identifier", "spoken"),
    [
        ("en-gb-scotland", "", "gmw/en-GB-scotland", "en-GB-scotland"),
        ("fr-fr", "", "roa/fr", "fr-FR"),
        ("fr", "", "roa/fr", "fr-FR"),
        ("gmw/en-US", "en", "gmw/en-US", "en"),
        ("en-us", "fr", "gmw/en-US", "en-US"),
        ("cmn", "zh-CN", "sit/cmn", "zh"),
        ("yue-latn-jyutping", "", "sit/yue-Latn-jyutping", "yue"),
        ("DE", "de", "gmw/de", "de"),
        ("en-us+f3", "", "gmw/en-US+f3", "en-US"),
        ("+f3", "de", "gmw/de+f3", "de"),
        ("de+ANNIE", "de", "gmw/de+Annie", "de"),
    ],
)
def test_voice_counts_more_than_language(catalogue, voice, language, identifier, spoken):
    choice = catalogue.choose(language, voice)
    assert (choice.identifier, choice.language) == (identifier, spoken)


@pytest.mark.parametrize(
    "voice", ["nobody", "en-us+nobody", "+", "en-us+", "../etc/passwd", "en us", "a" * 5000, "\x00", "+f3+f4"]
)
def test_unknown_voice_is_not_found(catalogue, voice):
    with pytest.raises(DomainError) as failure:
        catalogue.choose("en", voice)
    assert failure.value.reason is Reason.VOICE_NOT_FOUND
    assert failure.value.metadata["voice"] == voice[:64]


@pytest.mark.parametrize(
    "language", ["xx", "tlh-Latn", "-", "e", "english", "x" * 5000, "-".join(["q"] * 5000), "../en"]
)
def test_language_without_a_voice_is_unsupported(catalogue, language):
    with pytest.raises(DomainError) as failure:
        catalogue.choose(language, "")
    assert failure.value.reason is Reason.UNSUPPORTED_LANGUAGE
    assert failure.value.metadata == {"language": language[:64], "engine": "espeak"}


def test_every_listed_voice_can_be_asked_for_by_its_name(catalogue):
    voices = catalogue.listed("")
    assert len(voices) == len(load_library().voices()) > 100
    for voice in voices:
        assert catalogue.choose("", voice.name).voice == voice.name
        assert voice.languages
        assert voice.display_name


def test_voices_of_a_language_begin_with_its_default(catalogue):
    for language in ("en", "en-AU", "zh", "pt-BR", "fr"):
        assert catalogue.listed(language)[0].name == catalogue.choose(language, "").voice
    assert {voice.name for voice in catalogue.listed("en")} >= {"en-us", "en-gb", "en-gb-scotland", "en-us-nyc"}
    assert catalogue.listed("xx") == []


@pytest.mark.parametrize("tag", ["pt-BR", "fa-Latn", "chr-US-Qaaa-x-west", "es-419", "en-GB-x-rp", "en"])
def test_tags_are_written_as_their_standard_recommends(tag):
    assert canonical_tag(tag.lower()) == tag
