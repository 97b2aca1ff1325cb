"""What a voice says when nobody gave it a text, in a language that it speaks."""

from collections.abc import Mapping
from typing import NamedTuple

from quintet.tts.v1.tts_service_pb2 import Voice

_ENGLISH = "en"
_LATIN = "Latn"

# Names of voices are English words, so that only the English sentence has one.
_SENTENCES: Mapping[str, str] = {
    "ar": "مرحبًا، كيف يمكنني مساعدتك اليوم؟",
    "de": "Hallo, wie kann ich heute helfen?",
    "es": "Hola, ¿en qué puedo ayudarte hoy?",
    "fr": "Bonjour, comment puis-je vous aider aujourd'hui ?",
    "hi": "नमस्ते, आज मैं आपकी कैसे सहायता करूँ?",
    "it": "Ciao, come posso aiutarti oggi?",
    "ja": "こんにちは。今日はどのようなご用件でしょうか。",
    "ko": "안녕하세요. 오늘은 무엇을 도와드릴까요?",
    "mr": "नमस्कार, आज मी तुम्हाला कशी मदत करू?",
    "pt": "Olá, como posso ajudar hoje?",
    "ru": "Здравствуйте! Чем я могу вам помочь сегодня?",
    "th": "สวัสดี วันนี้มีอะไรให้ช่วยไหม",
    "ur": "السلام علیکم، آج میں آپ کی کیا مدد کروں؟",
    "zh": "您好，今天有什么可以帮您？",
}


class Introduction(NamedTuple):
    """A sentence, and the tag of the language that the voice speaks it in; empty if the voice names none."""

    text: str
    language: str


def english(voice_name: str) -> str:
    """Returns the sentence of the document."""
    return f"Hello, I'm {voice_name}. How can I help you today?"


def introduction(voice: Voice) -> Introduction:
    """Returns how a voice introduces itself: in English if it speaks that or none of the languages known here."""
    spoken = [tag for tag in voice.languages if _primary(tag) == _ENGLISH]
    # A voice that reads a language in Latin letters would spell the sentence.
    known = [tag for tag in voice.languages if _primary(tag) in _SENTENCES and _LATIN not in tag.split("-")]
    if known and not spoken:
        return Introduction(_SENTENCES[_primary(known[0])], known[0])
    return Introduction(english(voice.display_name or voice.name), next(iter([*spoken, *voice.languages]), ""))


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()
