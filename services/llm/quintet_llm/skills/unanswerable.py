"""What is said when no skill has an answer."""

from quintet_llm.conversation import Style
from quintet_llm.skills.guide.language import guide_language
from quintet_llm.skills.guide.wording import wording
from quintet_llm.skills.languages import PHRASES, language_of
from quintet_llm.skills.question import Question

DEFAULT_REMEDY = "quintet doctor"
"""Command that tells what can be added."""


_ENGLISH_SEARCHED = (
    "I can't answer that: nothing about it was found in the indexed documents, and no language model is installed "
    "here; `{remedy}` shows how to add one."
)
_NOT_FOUND = {
    "es": "En los documentos indexados no se encontró nada al respecto.",
    "fr": "Rien à ce sujet n'a été trouvé dans les documents indexés.",
    "de": "In den indexierten Dokumenten wurde dazu nichts gefunden.",
    "it": "Nei documenti indicizzati non è stato trovato nulla in merito.",
    "pt": "Nada sobre isso foi encontrado nos documentos indexados.",
    "ru": "В проиндексированных документах об этом ничего не найдено.",
    "ja": "索引済みの文書には、これについて何も見つかりませんでした。",
    "ko": "색인된 문서에서 이에 관한 내용을 찾지 못했습니다.",
    "zh": "在已索引的文档中没有找到相关内容。",
    "ar": "لم يُعثر على شيء عن ذلك في المستندات المفهرسة.",
    "hi": "अनुक्रमित दस्तावेज़ों में इसके बारे में कुछ नहीं मिला।",
    "ur": "فہرست شدہ دستاویزات میں اس کے بارے میں کچھ نہیں ملا۔",
    "th": "ไม่พบข้อมูลเกี่ยวกับเรื่องนี้ในเอกสารที่จัดทำดัชนีไว้",
    "mr": "अनुक्रमित दस्तऐवजांमध्ये याबद्दल काहीही सापडले नाही.",
}


def unable(question: Question, remedy: str) -> str:
    """Returns the honest sentence, in the language of the question where that is known.

    Where documents were searched, it says that they hold nothing about the question. A guide names no command.
    """
    if question.style is Style.GUIDE:
        return wording(guide_language(question)).say("unable.sentence")
    language = language_of(question.original, question.language)
    sentence = PHRASES[language].unable.format(remedy=remedy)
    if not question.documents_searched:
        return sentence
    if language == "en":
        return _ENGLISH_SEARCHED.format(remedy=remedy)
    return f"{_NOT_FOUND[language]} {sentence}"
