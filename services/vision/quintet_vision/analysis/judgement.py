"""What is good or bad about a picture: the one opinion that the description and the advice both put into words."""

from dataclasses import dataclass
from enum import StrEnum

from quintet_vision.engine import Analysis, ImageQuality

_BLURRED_BELOW = 100.0
_SHARP_ABOVE = 300.0
_DARK_BELOW = 60.0
_BRIGHT_ABOVE = 225.0
_FLAT_BELOW = 20.0
_GRAINY_ABOVE = 10.0


class Flaw(StrEnum):
    """One thing that is wrong with a picture, as the word that a person would say."""

    BLURRED = "blurred"
    DARK = "dark"
    BRIGHT = "very bright"
    FLAT = "low in contrast"
    GRAINY = "grainy"


@dataclass(frozen=True)
class Judgement:
    """What is wrong with a picture; `is_sharp` and `is_lit` tell what may be praised about it."""

    flaws: tuple[Flaw, ...]
    is_sharp: bool
    is_lit: bool


def judge(analysis: Analysis) -> Judgement:
    """Judges a picture by its numbers; light and grain are no matter of drawings with contrast."""
    quality = analysis.quality
    if analysis.scene == "blank":
        return Judgement((), is_sharp=False, is_lit=False)
    taken = analysis.scene not in {"graphic", "code"}
    applies = {
        Flaw.BLURRED: is_blurred(quality),
        Flaw.DARK: quality.brightness < _DARK_BELOW and (taken or quality.contrast < _FLAT_BELOW),
        Flaw.BRIGHT: taken and quality.brightness > _BRIGHT_ABOVE and analysis.scene != "document",
        Flaw.FLAT: quality.contrast < _FLAT_BELOW,
        Flaw.GRAINY: taken and quality.noise_level > _GRAINY_ABOVE,
    }
    flaws = tuple(flaw for flaw, found in applies.items() if found)
    sharp = quality.structured and quality.sharpness > _SHARP_ABOVE
    return Judgement(flaws, is_sharp=sharp, is_lit=taken and not {Flaw.DARK, Flaw.BRIGHT, Flaw.FLAT} & set(flaws))


def is_blurred(quality: ImageQuality) -> bool:
    """Tells whether the outlines of a picture are soft; what has no outlines is not blurred."""
    # In half the light every outline is half as steep, and the variance a quarter.
    light = min(1.0, quality.brightness / _DARK_BELOW)
    return quality.structured and quality.sharpness < _BLURRED_BELOW * light**2
