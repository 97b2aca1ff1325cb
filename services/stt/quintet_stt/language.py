"""Language tags: from BCP 47 as callers write it to the codes that recognisers know, and back."""

import re
from collections.abc import Collection, Mapping

from quintet_errors import DomainError, Reason

# Errors travel in trailers of a few KiB: what a caller sent is repeated only in part.
_REPEATED_CHARACTERS = 64

SURE_OF_LANGUAGE = 0.5
"""A language that was found with less is a guess: short words are taken for languages that nobody speaks there."""

_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")

# Tags that name the same spoken language; Whisper's own code for Javanese is no BCP 47 tag.
_SAME = {"cmn": "zh", "iw": "he", "in": "id", "nb": "no", "fil": "tl", "mo": "ro", "ji": "yi", "prs": "fa", "arb": "ar"}
_WHISPER_CODES = {"jv": "jw"}
_TAGS_OF_CODES = {code: tag for tag, code in _WHISPER_CODES.items()}


def primary_tag(tag: str, field: str = "language") -> str:
    """Reduces a BCP 47 tag to the tag of its spoken language: `en-US` to `en`, `zh-CN` and `cmn` to `zh`.

    Raises:
        DomainError: INVALID_ARGUMENT for what is no tag; it names the `field` that holds it.
    """
    if not _TAG.fullmatch(tag):
        raise DomainError(
            Reason.INVALID_ARGUMENT, "The language must be a BCP 47 tag such as `en` or `pt-BR`.", {"field": field}
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


def spoken_language(
    probabilities: Mapping[str, float], among: Collection[str] = (), likely: str = ""
) -> tuple[str, float]:
    """Returns the language in which to hear speech, and its probability, from those of one or more languages.

    Only languages `among` the given ones count, or all where there are none of them. One that is not sure gives way to
    the `likely` one, if that is given.
    """
    candidates = {language: share for language, share in probabilities.items() if language in among}
    if candidates:
        # What the model gave to languages that nobody speaks here says nothing.
        total = sum(candidates.values()) or 1.0
        candidates = {language: share / total for language, share in candidates.items()}
    else:
        candidates = dict(probabilities)
    found = max(candidates, key=lambda language: candidates[language])
    language = likely if likely and candidates[found] < SURE_OF_LANGUAGE else found
    return language, candidates.get(language, 0.0)


def unsupported(language: str, engine: str, explanation: str) -> DomainError:
    """Returns the error of a language that the engine does not know.

    `explanation` is a sentence in which `{}` stands for the language.
    """
    repeated = language[:_REPEATED_CHARACTERS]
    explained = explanation.format(repeated)
    return DomainError(Reason.UNSUPPORTED_LANGUAGE, explained, {"language": repeated, "engine": engine})
