"""Questions about the picture of the turn, or the latest one, answered from what the vision service found."""

import re
from collections import Counter
from collections.abc import Callable

from quintet_llm.conversation import PictureFacts, Role, Style
from quintet_llm.skills.question import Question
from quintet_llm.skills.skill import CERTAIN, LIKELY, POSSIBLE, Intent, say, sentence_list

_Answer = Callable[[PictureFacts], str]

_PICTURE = r"(?:picture|image|photo|photograph|pic|screenshot|drawing|snapshot|selfie|scan)"
_MENTIONS = re.compile(rf"\b{_PICTURE}s?\b")
_REFERS = re.compile(
    rf"\b(?:the|this|that|my|last|first|same|uploaded|attached) (?:\w+ ){{0,2}}{_PICTURE}|\b(?:in|on|of|about|at|"
    r"with) (?:it|this|that|here|there)\b|"
    r"\bdo you see\b|\bcan you see\b|\byou see\b|\bi (?:sent|uploaded|showed|attached|gave)\b|\b(?:there|visible|"
    r"shown)\b|^(?:is|are|was) (?:it|this)\b|^describe (?:it|this|that)$|"
    r"^(?:what|who|where) (?:is|are) (?:it|this|that|these|those)$|^what does it say$|^read (?:it|this)\b"
)
_SHARP_BELOW = 100.0
_DARK_BELOW, _BRIGHT_ABOVE = 60.0, 200.0
_MOST_TEXT = 4000


class PictureSkill:
    """Says only what the vision service found, and what it cannot see."""

    name = "picture"

    def match(self, question: Question) -> Intent | None:
        """Returns the answer about the picture that the question means."""
        # The guide answers for whoever cannot see the picture.
        return None if question.style is Style.GUIDE else self._match(question)

    def _match(self, question: Question) -> Intent | None:
        facts, fresh = _picture_of(question)
        if facts is None:
            refers = re.fullmatch(
                r"(?:what|who|describe|read|is|are|how|which|can)\b.* (?:the|this|that|my) "
                rf"{_PICTURE}",
                question.text,
            )
            return say(self.name, LIKELY, "There is no picture in this conversation yet.") if refers else None
        text = question.text
        if fresh and not text:
            return say(self.name, CERTAIN, describe(facts)) if not question.original.strip() else None
        if not fresh and not (_MENTIONS.search(text) or _REFERS.search(text)):
            return None
        if _WRITES.search(text):
            return None
        for pattern, answer in ((_COLOR_OF, _color_answer(text)), *_PATTERNS):
            if pattern.search(text):
                return say(self.name, CERTAIN if fresh or _MENTIONS.search(text) else LIKELY, answer(facts))
        return self._unclear(facts, fresh=fresh, mentioned=bool(_MENTIONS.search(text)))

    def _unclear(self, facts: PictureFacts, *, fresh: bool, mentioned: bool) -> Intent | None:
        if not (fresh or mentioned):
            return None
        opening = "I can't tell that from what was recognised in the picture."
        return say(self.name, POSSIBLE, f"{opening} {describe(facts)}")


def _picture_of(question: Question) -> tuple[PictureFacts | None, bool]:
    if question.picture is not None:
        return question.picture, True
    earlier = (turn.picture for turn in reversed(question.turns) if turn.role is Role.USER and turn.picture)
    return next(earlier, None), False


def describe(facts: PictureFacts) -> str:
    """Returns the vision service's own description, or the size if it gave none."""
    return facts.description or f"It is {_size_words(facts)}; nothing else was recognised in it."


def _describe(facts: PictureFacts) -> str:
    limits = _blindness(facts, "objects")
    return f"{describe(facts)} {limits}".strip()


def _text(facts: PictureFacts) -> str:
    lines = [line.text for line in facts.text_lines if line.text.strip()]
    if not lines:
        return f"I found no text in the picture. {_blindness(facts, 'text')}".strip()
    return "The picture says:\n\n" + "\n".join(lines)[:_MOST_TEXT]


def _colors(facts: PictureFacts) -> str:
    if not facts.colors:
        return "The colours of the picture were not measured."
    shown = [f"{color.name} ({color.share:.0%})" for color in facts.colors]
    noun = "colour is" if len(shown) == 1 else "colours are"
    return f"The main {noun} {sentence_list(shown)}."


_COLOR_OF = re.compile(
    r"\b(?:what|which) colou?r(?:s|ed)? (?:is|are|was|were|does|do|has|have) (?:the|that|this|his|her|their|my) "
    r"(?P<thing>[a-z][a-z -]{1,40}?)(?: (?:in|on|of|have|has|shown|there)\b.*)?$|"
    r"\bcolou?rs? of (?:the|that|this|his|her|their|my) (?P<other>[a-z][a-z -]{1,40}?)(?: (?:in|on|of)\b.*)?$"
)


def _color_answer(text: str) -> _Answer:
    """Returns what answers a question for the colour of a thing, or of the picture itself."""
    match = _COLOR_OF.search(text)
    thing = (match["thing"] or match["other"]).strip() if match else ""
    return _colors if not thing or _MENTIONS.fullmatch(thing) else lambda facts: _color_of(thing, facts)


def _color_of(thing: str, facts: PictureFacts) -> str:
    """Says that the colours are those of the whole picture: none is measured for a single thing."""
    single = thing.removesuffix("s")
    if any(seen.label in {thing, single} for seen in facts.objects):
        opening = f"The {thing} was recognised, but not which of the colours is its own."
    elif re.search(rf"\b{re.escape(single)}", facts.description.casefold()):
        opening = f"No colour was measured for the {thing}; the description says: {facts.description}"
    else:
        opening = f"No {thing} was recognised as such in the picture, so I can't tell its colour."
    return f"{opening} Of the picture as a whole: {_colors(facts)[0].lower()}{_colors(facts)[1:]}"


def _count_of(*labels: str) -> _Answer:
    def answer(facts: PictureFacts) -> str:
        found = Counter(seen.label for seen in facts.objects)
        counted = [f"{found[label]} {_noun(label, found[label])}" for label in labels if found[label]]
        if counted:
            return f"I found {sentence_list(counted)} in the picture. {_missed(found)}"
        return f"I found no {_noun(labels[0], 0)} in the picture. {_MISSED} {_blindness(facts, *labels)}".strip()

    return answer


_MISSED = "Turned away, covered and small ones are missed."


def _missed(found: Counter[str]) -> str:
    same = " A person and a face may be the same one." if found["person"] and found["face"] else ""
    return _MISSED + same


_PLURALS = {"person": "people", "sheep": "sheep", "mouse": "mice", "knife": "knives", "scissors": "scissors"}


def _noun(label: str, count: int) -> str:
    if count == 1:
        return label
    return _PLURALS.get(label) or f"{label}{'es' if label.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def _with_article(noun: str) -> str:
    return noun if noun == "scissors" else f"{'an' if noun[:1] in 'aeio' else 'a'} {noun}"


def _objects(facts: PictureFacts) -> str:
    counts = Counter(seen.label for seen in facts.objects)
    if not counts:
        return _describe(facts)
    names = [f"{count} {_noun(label, count)}" if count > 1 else _with_article(label) for label, count in counts.items()]
    caveat = f"{_missed(counts)} " if counts["person"] or counts["face"] else ""
    return f"I recognised {sentence_list(names)}. {caveat}{_blindness(facts, 'objects')}".strip()


def _codes(facts: PictureFacts) -> str:
    if not facts.codes:
        return "I found no QR code or barcode in the picture."
    return " ".join(f"The {_kind(code.kind)} says: {code.payload}" for code in facts.codes)


def _kind(kind: str) -> str:
    return "QR code" if kind.casefold().startswith("qr") else f"barcode ({kind})"


def _sharp(facts: PictureFacts) -> str:
    if facts.quality is None:
        return _UNMEASURED
    if facts.quality.sharpness == 0:
        return "The picture has no outlines to judge its sharpness by."
    verdict = "blurred" if facts.quality.sharpness < _SHARP_BELOW else "sharp"
    return f"The picture is {verdict} (sharpness {facts.quality.sharpness:.0f}; under {_SHARP_BELOW:.0f} is blurred)."


def _bright(facts: PictureFacts) -> str:
    if facts.quality is None:
        return _UNMEASURED
    light = facts.quality.brightness
    verdict = "dark" if light < _DARK_BELOW else "very bright" if light > _BRIGHT_ABOVE else "normally bright"
    return f"The picture is {verdict} (mean brightness {light:.0f} of 255)."


def _quality(facts: PictureFacts) -> str:
    return f"{_sharp(facts)} {_bright(facts)}" if facts.quality else _UNMEASURED


def _size(facts: PictureFacts) -> str:
    return f"The picture is {_size_words(facts)}."


def _size_words(facts: PictureFacts) -> str:
    form = f", {facts.format.upper()} format" if facts.format else ""
    frames = f", {facts.frame_count} frames of which the first was looked at" if facts.frame_count > 1 else ""
    return f"{facts.width} × {facts.height} pixels{form}{frames}"


def _scene(facts: PictureFacts) -> str:
    return f"It looks like {_with_article(facts.scene)}. {describe(facts)}" if facts.scene else describe(facts)


def _emotion(facts: PictureFacts) -> str:
    return _blindness(facts, "emotions") or "Feelings can't be recognised in pictures here."


def _identity(facts: PictureFacts) -> str:
    return f"I can't recognise who someone is. {_count_of('face', 'person')(facts)}"


def _blindness(facts: PictureFacts, *subjects: str) -> str:
    """Returns what the vision engine says that it cannot see of these subjects."""
    sentences = []
    for one in facts.blindnesses:
        if one.subject in subjects or one.subject.rstrip("s") in subjects:
            remedy = f" (`{one.remedy}` adds it)" if one.remedy else ""
            sentence = one.explanation.rstrip(".")
            sentences.append(f"{sentence}{remedy}.")
    return " ".join(sentences)


_UNMEASURED = "The quality of the picture was not measured."
# Asking to make something of a picture is no question about it.
_WRITES = re.compile(
    r"^(?:write|compose|create|draw|generate|make|paint|imagine|edit|crop|resize|translate|explain "
    r"how|how (?:do|can|to|does)|take|sell|frame)\b|\bpoem\b|\bstory\b"
)
_PATTERNS: tuple[tuple[re.Pattern[str], _Answer], ...] = tuple(
    (re.compile(pattern), answer)
    for pattern, answer in (
        (r"\b(?:qr|barcodes?|bar code|bar codes|codes?)\b(?!.*\bcolou?r)", _codes),
        (r"\bcolou?rs?\b|\bcolou?red\b|\bpalette\b|\bhues?\b", _colors),
        (
            r"\b(?:who|whose|recogni[sz]e (?:him|her|them|this person)|name of (?:the|this) (?:person|man|"
            r"woman))\b",
            _identity,
        ),
        (r"\b(?:emotions?|feelings?|feel|feeling|mood|happy|sad|angry|smiling|smile)\b", _emotion),
        (r"\bfaces?\b", _count_of("face")),
        (
            r"\b(?:people|persons?|anyone|anybody|someone|somebody|men|man|women|woman|human|humans|child|children|"
            r"kids?)\b",
            _count_of("person", "face"),
        ),
        (
            r"\b(?:texts?|say|says|said|written|writing|read|words?|letters|sign says|transcribe|ocr|sentence|title|"
            r"headline|caption)\b",
            _text,
        ),
        (r"\b(?:blurry|blurred|blurr?|sharp|sharpness|focus|focused|in focus|crisp|clear enough)\b", _sharp),
        (r"\b(?:bright|brightness|dark|lighting|exposure|overexposed|underexposed|well lit|light)\b", _bright),
        (r"\b(?:quality|good enough|contrast|noise|noisy|grainy)\b", _quality),
        (
            r"\b(?:how (?:big|large|wide|tall|high)|size|resolution|dimensions?|pixels?|width|height|format|file "
            r"type|"
            r"megapixels?|aspect)\b",
            _size,
        ),
        (
            r"\b(?:kind|type|sort) of\b|\bscene\b|\bis (?:it|this|that) a (?:photo|document|drawing|screenshot|"
            r"portrait)",
            _scene,
        ),
        (r"\b(?:objects?|things|items|stuff|animals?|dogs?|cats?|cars?|trees?|food|detect|recogni[sz]e)\b", _objects),
        (
            r"\b(?:what|describe|description|see|show|shows|shown|tell|explain|look at|look|analy[sz]e|caption|"
            r"summari[sz]e|contain|contains|about|depict|depicts|going on|happening)\b",
            _describe,
        ),
    )
)
