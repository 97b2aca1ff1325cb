"""Advice on how to get a better picture, or what is good about this one."""

from types import MappingProxyType

from quintet_vision.analysis.judgement import Flaw, Judgement, judge
from quintet_vision.engine import Analysis

_SMALL_EDGE = 240
_UNSURE_TEXT = 0.8
_SMALL = "The picture is small: a larger copy would show more."
_HARD_TO_READ = "Some of the text is hard to read: move closer and hold the camera straight in front of it."
_ADVICE = MappingProxyType(
    {
        Flaw.BLURRED: "The picture is blurred: hold the camera still and let it focus.",
        Flaw.DARK: "The picture is dark: add light or turn towards a lamp or a window.",
        Flaw.BRIGHT: "The picture is too bright: turn away from the light.",
        Flaw.FLAT: "The picture has little contrast: more even light would help.",
        Flaw.GRAINY: "The picture is grainy: more light lets the camera make a cleaner one.",
    }
)


def suggestions(analysis: Analysis) -> tuple[str, ...]:
    """Returns one sentence for each thing that could be better; one of praise if there is none."""
    if analysis.scene == "blank":
        return ("The picture holds one colour only: check that nothing covered the lens.",)
    judgement = judge(analysis)
    advice = [_ADVICE[flaw] for flaw in judgement.flaws]
    if min(analysis.width, analysis.height) < _SMALL_EDGE:
        advice.append(_SMALL)
    if any(line.confidence < _UNSURE_TEXT for line in analysis.text_lines):
        advice.append(_HARD_TO_READ)
    return tuple(advice) or (_praise(judgement),)


def _praise(judgement: Judgement) -> str:
    if not judgement.is_sharp:
        return "The picture is good enough as it is."
    return "The picture is sharp and well lit." if judgement.is_lit else "The picture is sharp."
