"""Language tags: from BCP 47 as callers write it to the codes that recognisers know, and back."""

import re

from quintet_errors import DomainError, Reason

# Errors travel in trailers of a few KiB: what a caller sent is repeated only in part.
_REPEATED_CHARACTERS = 64

_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")

# Tags that name the same spoken language; Whisper's own code for Javanese is no BCP 47 tag.
_SAME = {"cmn": "zh", "iw": "he", "in": "id", "nb": "no", "fil": "tl", "mo": "ro", "ji": "yi", "prs": "fa", "arb": "ar"}
_WHISPER_CODES = {"jv": "jw"}
_TAGS_OF_CODES = {code: tag for tag, code in _WHISPER_CODES.items()}


def primary_tag(tag: str) -> str:
    """Reduces a BCP 47 tag to the tag of its spoken language: `en-US` to `en`, `zh-CN` and `cmn` to `zh`.

    Raises:
        DomainError: INVALID_ARGUMENT for what is no tag.
    """
    if not _TAG.fullmatch(tag):
        raise DomainError(
            Reason.INVALID_ARGUMENT, "The language must be a BCP 47 tag such as `en` or `pt-BR`.", {"field": "language"}
        )
    first, *others = re.split("[-_]", tag.lower())
    if first == "zh" and "yue" in others[:1]:
        return "yue"
    return _SAME.get(first, first)


def whisper_code(tag: str) -> str:
    """Returns Whisper's code of a primary tag."""
    return _WHISPER_CODES.get(tag, tag)


def tag_of_whisper_code(code: str) -> str:
    """Returns the primary tag of one of Whisper's codes."""
    return _TAGS_OF_CODES.get(code, code)


def unsupported(language: str, engine: str, explanation: str) -> DomainError:
    """Returns the error of a language that the engine does not know.

    `explanation` is a sentence in which `{}` stands for the language.
    """
    repeated = language[:_REPEATED_CHARACTERS]
    explained = explanation.format(repeated)
    return DomainError(Reason.UNSUPPORTED_LANGUAGE, explained, {"language": repeated, "engine": engine})
