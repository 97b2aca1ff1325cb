"""The guide's sentences in one language, filled with what was found."""

from collections.abc import Sequence
from functools import cache

from quintet_llm.skills.guide.language import read
from quintet_llm.skills.guide.things import Thing, color_name, thing
from quintet_llm.skills.guide.view import Seen


class Wording:
    """Fills the templates of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = read("wording", language)

    def say(self, key: str, **values: str) -> str:
        """Returns the text with the key `section.name`, with its places filled."""
        section, _, name = key.partition(".")
        text: str = self._texts[section][name]
        return text.format(**values)

    def number(self, count: int) -> str:
        """Returns a count as a word up to ten, as digits from there on."""
        words: list[str] = self._texts["numbers"]["words"]
        return words[count - 1] if 1 <= count <= len(words) else str(count)

    def listed(self, parts: Sequence[str]) -> str:
        """Joins parts as people list them."""
        if len(parts) < 2:
            return "".join(parts)
        comma, last = self.say("list.comma"), self.say("list.last")
        return f"{comma.join(parts[:-1])}{last}{parts[-1]}"

    def colors(self, names: Sequence[str]) -> str:
        """Lists colours by their names in this language."""
        return self.listed([color_name(name, self.language) for name in names])

    def thing(self, label: str) -> Thing:
        """Returns how a thing is called."""
        return thing(label, self.language)

    def place(self, seen: Seen) -> str:
        """Returns the words for where something is."""
        return self.say(f"place.{seen.place}")

    def at(self, seen: Seen) -> str:
        """Returns a thing, or several, with the words for where they are."""
        return self.say("thing.at", thing=self._counted(seen), place=self.place(seen))

    def _counted(self, seen: Seen) -> str:
        named = self.thing(seen.label)
        if seen.count > 1:
            return self.say("thing.many", count=self.number(seen.count), name=named.many)
        return named.one or self.say("thing.one", name=named.name)


@cache
def wording(language: str) -> Wording:
    """Returns the templates of a language that the guide speaks; they are read once."""
    return Wording(language)
