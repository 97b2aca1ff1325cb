"""Words for someone who cannot see the picture: only what was found, where it is, and how well it can be seen."""

from collections.abc import Sequence

from quintet_vision.analysis.judgement import judge
from quintet_vision.analysis.people import area
from quintet_vision.engine import Analysis, Box, DecodedCode, DetectedObject, DominantColor, TextLine

_LONGEST_TEXT = 700
_LONGEST_PAYLOAD = 200
_ILLEGIBLE_BELOW = 0.5
_UNSURE_BELOW = 0.8
_CODE_NAMES = {
    "qr": "A QR code",
    "ean13": "An EAN-13 barcode",
    "ean8": "An EAN-8 barcode",
    "upca": "A UPC-A barcode",
    "upce": "A UPC-E barcode",
    "code128": "A Code 128 barcode",
    "microqr": "A Micro QR code",
    "datamatrix": "A Data Matrix code",
    "aztec": "An Aztec code",
    "pdf417": "A PDF417 code",
}
_FORMAT_NAMES = {"webp": "WebP"}


def describe(analysis: Analysis, *, text_was_read: bool, text_is_complete: bool) -> str:
    """Returns the sentences about an analysis whose own description is still empty."""
    sentences = [
        _opening(analysis),
        _animation(analysis),
        _seen(analysis, "face", "faces"),
        _seen(analysis, "person", "people"),
        _text(analysis.text_lines, text_is_complete),
        *(_code(analysis, code) for code in analysis.codes),
        _colors(analysis.dominant_colors),
        _how_well(analysis),
        _nothing(analysis, text_was_read),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _opening(analysis: Analysis) -> str:
    size = f"{analysis.width} by {analysis.height} pixels"
    kind = {"blank": "plain area of one colour", "code": "picture of a code"}.get(analysis.scene, analysis.scene)
    file = _FORMAT_NAMES.get(analysis.format, analysis.format.upper())
    orientation = f"The picture is {_shape(analysis)}."
    return f"This is a {kind} of {size}, from a {file} file. {orientation}"


def _shape(analysis: Analysis) -> str:
    ratio = analysis.width / analysis.height
    if 0.95 <= ratio <= 1.05:
        return "square"
    return f"in {'landscape' if ratio > 1 else 'portrait'} orientation"


def _animation(analysis: Analysis) -> str:
    if analysis.frame_count < 2:
        return ""
    return f"It has {analysis.frame_count} frames; only the first one was looked at."


def _seen(analysis: Analysis, label: str, plural: str) -> str:
    boxes = [one.box for one in analysis.objects if one.label == label]
    if not boxes:
        return ""
    places = [_place(analysis, box) for box in boxes[:5]]
    what = f"a {label}" if len(boxes) == 1 else f"{len(boxes)} {plural}"
    return f"It seems to show {what}, {_joined(places)}."


def _place(analysis: Analysis, box: Box) -> str:
    if area(box) > 0.5 * analysis.width * analysis.height:
        return "filling most of the picture"
    column = min(2, 3 * (2 * box.x + box.width) // (2 * analysis.width))
    row = min(2, 3 * (2 * box.y + box.height) // (2 * analysis.height))
    rows, columns = ("top", "middle", "bottom"), ("left", "middle", "right")
    if row == column == 1:
        return "in the middle"
    if row == 1:
        return f"on the {columns[column]}"
    return f"at the {rows[row]}" + ("" if column == 1 else f" {columns[column]}")


def _text(lines: tuple[TextLine, ...], complete: bool) -> str:
    legible = [line for line in lines if line.confidence >= _ILLEGIBLE_BELOW]
    quoted = _quoted(legible)
    sentences = [
        f"{_reads(legible)}: {' '.join(quoted)}." if quoted else "",
        _uncounted(len(legible) - len(quoted), "There is {} more line of text.", "There are {} more lines of text."),
        _uncounted(
            len(lines) - len(legible),
            "{} line of text is too hard to read.",
            "{} lines of text are too hard to read.",
        ),
        "" if complete or not lines else "There is more text that was not read, because reading took too long.",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _reads(lines: Sequence[TextLine]) -> str:
    """Returns the words before the text; what may be misread is not told as a fact."""
    what = "The text in it" if len(lines) == 1 else f"The text in it, {len(lines)} lines,"
    if sum(line.confidence for line in lines) / len(lines) < _UNSURE_BELOW:
        return f"{what} is hard to read and may be wrong here; it seems to read"
    return f"{what} reads"


def _quoted(lines: Sequence[TextLine]) -> list[str]:
    quoted: list[str] = []
    length = 0
    for line in lines:
        length += len(line.text)
        if quoted and length > _LONGEST_TEXT:
            break
        quoted.append(f"“{_shortened(line.text, _LONGEST_TEXT)}”")
    return quoted


def _uncounted(count: int, one: str, many: str) -> str:
    return (one if count == 1 else many).format(count) if count else ""


def _code(analysis: Analysis, code: DecodedCode) -> str:
    name = _CODE_NAMES.get(code.kind, "A code")
    return f"{name} {_place(analysis, code.box)} says “{_shortened(code.payload, _LONGEST_PAYLOAD)}”."


def _colors(colors: tuple[DominantColor, ...]) -> str:
    named = [f"{color.name} ({max(1, round(100 * color.share))} %)" for color in colors[:4]]
    if not named:
        return "It has no main colour; many shades share it."
    if len(named) == 1:
        return f"Its colour is {named[0]}."
    return f"Its main colours are {_joined(named)}."


def _how_well(analysis: Analysis) -> str:
    judgement = judge(analysis)
    said = [flaw.value for flaw in judgement.flaws] or (["sharp"] if judgement.is_sharp else [])
    return f"The picture is {_joined(said)}." if said else ""


def _nothing(analysis: Analysis, text_was_read: bool) -> str:
    if analysis.objects or analysis.text_lines:
        return ""
    looked_for = "No face, no standing person, no code" + (" and no text" if text_was_read else "")
    return f"{looked_for} was found in it; other things are not recognised."


def mean_confidence(objects: Sequence[DetectedObject], lines: Sequence[TextLine], quality_score: float) -> float:
    """Returns the sureness of an analysis: that of its findings, held back by the quality of the picture."""
    found = [one.confidence for one in objects] + [line.confidence for line in lines]
    findings = sum(found) / len(found) if found else quality_score
    return (findings + quality_score) / 2


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
