"""Advice on how to get a better picture, or what is good about this one."""

from collections.abc import Callable

from quintet_vision.engine import Analysis

_SMALL_EDGE = 240
_UNSURE_TEXT = 0.8

_Check = tuple[Callable[[Analysis], bool], str]

_CHECKS: tuple[_Check, ...] = (
    (
        lambda it: _taken(it) and it.quality.sharpness < 100,
        "The picture is blurred: hold the camera still and let it focus.",
    ),
    (
        lambda it: _taken(it) and it.quality.brightness < 60,
        "The picture is dark: add light or turn towards a lamp or a window.",
    ),
    (
        lambda it: _taken(it) and it.quality.brightness > 225 and it.scene != "document",
        "The picture is too bright: turn away from the light.",
    ),
    (lambda it: it.quality.contrast < 20, "The picture has little contrast: more even light would help."),
    (
        lambda it: _taken(it) and it.quality.noise_level > 10,
        "The picture is grainy: more light lets the camera make a cleaner one.",
    ),
    (lambda it: min(it.width, it.height) < _SMALL_EDGE, "The picture is small: a larger copy would show more."),
    (
        lambda it: any(line.confidence < _UNSURE_TEXT for line in it.text_lines),
        "Some of the text is hard to read: move closer and hold the camera straight in front of it.",
    ),
)


def suggestions(analysis: Analysis) -> tuple[str, ...]:
    """Returns one sentence for each thing that could be better; one of praise if there is none."""
    if analysis.scene == "blank":
        return ("The picture holds one colour only: check that nothing covered the lens.",)
    advice = tuple(sentence for applies, sentence in _CHECKS if applies(analysis))
    return advice or (_praise(analysis),)


def _taken(analysis: Analysis) -> bool:
    """Tells whether the picture may come from a camera, so that advice on light and focus makes sense."""
    return analysis.scene not in {"graphic", "code"}


def _praise(analysis: Analysis) -> str:
    if analysis.quality.sharpness < 300:
        return "The picture is good enough as it is."
    return "The picture is sharp and well lit." if _taken(analysis) else "The picture is sharp."
