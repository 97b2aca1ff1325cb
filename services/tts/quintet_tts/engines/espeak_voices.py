"""Finds the espeak-ng voice that a language tag or a voice name means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quintet_tts.engine import Voice, unsupported_language, voice_not_found
from quintet_tts.engines.espeak_library import LibraryVoice

# Where a language has voices of several regions: the most likely region by Unicode's CLDR, not the library's own order.
_LIKELY_REGIONS = {"en": "en-us", "pt": "pt-br"}
_DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class Choice:
    """A voice that was chosen: what to tell the library, what to tell people, and the language that it speaks."""

    identifier: str
    voice: str
    language: str


class VoiceCatalogue:
    """The voices of the library under the names that callers use.

    A voice is named by its own language tag, or by its file where another voice has that tag already; the library's
    own identifiers (`gmw/en-US`) work too. `+variant` may follow any name, or stand alone.
    """

    def __init__(self, voices: Sequence[LibraryVoice], variants: Sequence[str]) -> None:
        self._voices: dict[str, LibraryVoice] = {}
        for voice in voices:
            own_tag, file_name = voice.languages[0][1], voice.identifier.rpartition("/")[2].lower()
            self._voices[file_name if own_tag in self._voices else own_tag] = voice
        self._identifiers = {voice.identifier.lower(): name for name, voice in self._voices.items()}
        self._variants = {variant.lower(): variant for variant in variants}
        self._tags = self._by_tag()

    def primary_languages(self) -> tuple[str, ...]:
        """Lists the primary tags of all languages, sorted."""
        return tuple(sorted({tag.partition("-")[0] for tag in self._tags}))

    def choose(self, language: str, voice: str) -> Choice:
        """Finds the voice that a request means; a named voice counts more than the language.

        Raises:
            DomainError: UNSUPPORTED_LANGUAGE or VOICE_NOT_FOUND.
        """
        name, plus, variant_name = voice.strip().partition("+")
        variant = self._variants.get(variant_name.lower(), "")
        if plus and not variant:
            raise voice_not_found(voice)
        choice = self._named(name, voice, _normal(language)) if name else self._spoken(language)
        suffix = f"+{variant}" if variant else ""
        return Choice(choice.identifier + suffix, choice.voice + suffix, choice.language)

    def listed(self, language: str) -> list[Voice]:
        """Lists the voices that speak a language, the default first; those of all languages for an empty tag."""
        if not language.strip():
            return [_public(name, voice) for name, voice in self._voices.items()]
        for tag in _fallbacks(language):
            if names := self._speakers(tag):
                return [_public(name, self._voices[name]) for name in names]
        return []

    def _spoken(self, language: str) -> Choice:
        for tag in _fallbacks(language or _DEFAULT_LANGUAGE):
            if names := self._tags.get(tag):
                return Choice(self._voices[names[0]].identifier, names[0], canonical_tag(tag))
        raise unsupported_language(language, "espeak")

    def _named(self, name: str, asked_for: str, language: str) -> Choice:
        known = self._find(name.strip().lower())
        if known is None:
            raise voice_not_found(asked_for)
        voice = self._voices[known]
        tags = [tag for _priority, tag in voice.languages]
        spoken = next((tag for tag in _fallbacks(language) if tag in tags), tags[0])
        return Choice(voice.identifier, known, canonical_tag(spoken))

    def _find(self, name: str) -> str | None:
        if name in self._voices:
            return name
        return self._identifiers.get(name) or next(iter(self._tags.get(_normal(name), ())), None)

    def _speakers(self, tag: str) -> list[str]:
        regional = [name for other, names in self._tags.items() if other.startswith(f"{tag}-") for name in names]
        return list(dict.fromkeys([*self._tags.get(tag, ()), *regional]))

    def _by_tag(self) -> dict[str, list[str]]:
        ranked: dict[str, list[tuple[int, str]]] = {}
        for name, voice in self._voices.items():
            for priority, tag in voice.languages:
                likely = _LIKELY_REGIONS.get(tag) == name
                ranked.setdefault(tag, []).append((0 if likely else priority, name))
        # Sorted by priority only: equal ones keep the library's order, which has the plain voice first.
        return {tag: [name for _, name in sorted(names, key=lambda one: one[0])] for tag, names in ranked.items()}


def canonical_tag(tag: str) -> str:
    """Writes a lower-case BCP 47 tag as its standard recommends: `pt-br` as `pt-BR`, `fa-latn` as `fa-Latn`."""
    primary, *others = tag.split("-")
    private_from = others.index("x") if "x" in others else len(others)
    return "-".join([primary, *map(_canonical_subtag, others[:private_from]), *others[private_from:]])


def _canonical_subtag(subtag: str) -> str:
    if not subtag.isalpha():
        return subtag
    return {2: subtag.upper(), 4: subtag.title()}.get(len(subtag), subtag)


def _public(name: str, voice: LibraryVoice) -> Voice:
    return Voice(name, tuple(canonical_tag(tag) for _priority, tag in voice.languages), voice.display_name)


def _normal(tag: str) -> str:
    return tag.strip().replace("_", "-").lower()


def _fallbacks(language: str) -> Iterator[str]:
    """Yields the tag and then ever shorter ones: `zh-hant-tw`, `zh-hant`, `zh`."""
    parts = _normal(language).split("-")
    # No registered tag has more parts; a hostile one would make this quadratic.
    for length in range(min(len(parts), 8), 0, -1):
        yield "-".join(parts[:length])
