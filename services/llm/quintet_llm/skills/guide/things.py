"""Names of things in each language, with what a sentence must know about them."""

from dataclasses import dataclass
from functools import cache

from quintet_llm.skills.guide.language import read, spaced


@dataclass(frozen=True)
class Thing:
    """A thing's name: one, several, the grammatical gender `m`, `f` or `n`, and `one` where an article makes it odd."""

    name: str
    many: str
    gender: str = "n"
    one: str = ""
    heard: tuple[str, ...] = ()


def thing(label: str, language: str) -> Thing:
    """Returns how a label is spoken; one that is not in the table is spoken as it is."""
    return _things(language).get(label) or Thing(label, label, "m")


def is_thing(label: str) -> bool:
    """Tells whether a label is one of the things that have a name."""
    return label in read("labels", "en")


def is_tall(label: str) -> bool:
    """Tells whether a thing that looks small is far away."""
    return label in read("labels", "kinds")["tall"]


def is_moving(label: str) -> bool:
    """Tells whether a thing may run into a person who walks."""
    return label in read("labels", "kinds")["moving"]


def color_name(color: str, language: str) -> str:
    """Returns how a colour is called; English names are those of the vision service."""
    names: dict[str, str] = read("labels", "colors").get(language, {})
    return names.get(color, color)


def label_in(words: str, language: str) -> str:
    """Returns the label of the thing with the longest name in a text of `spaced`, empty if there is none."""
    named = [(len(name), label) for name, label in _names(language) if name in words]
    return max(named, default=(0, ""))[1]


@cache
def _things(language: str) -> dict[str, Thing]:
    return {
        label: Thing(one["name"], one["many"], one["gender"], one.get("one", ""), tuple(one.get("heard", ())))
        for label, one in read("labels", language).items()
    }


@cache
def _names(language: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (spaced(name), label)
        for label, one in _things(language).items()
        if label != "person"
        for name in (one.name, one.many, *one.heard)
    )
