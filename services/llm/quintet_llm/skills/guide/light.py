"""How well a picture can be seen, as one word each."""

from enum import StrEnum

from quintet_llm.conversation import PictureFacts

_DARK_BELOW, _DIM_BELOW, _BRIGHT_FROM = 40.0, 70.0, 215.0
_BLURRED_BELOW, _FULL_LIGHT = 100.0, 60.0
# How bright these are tells nothing about the light around them.
_DRAWN = frozenset({"graphic", "code", "document", "blank"})


class Light(StrEnum):
    """How much light there is in a picture."""

    DARK = "dark"
    DIM = "dim"
    GOOD = "good"
    BRIGHT = "bright"
    UNKNOWN = "unknown"


def light_of(facts: PictureFacts) -> Light:
    """Returns the light by the mean brightness alone."""
    if facts.quality is None:
        return Light.UNKNOWN
    brightness = facts.quality.brightness
    if brightness < _DARK_BELOW:
        return Light.DARK
    if brightness < _DIM_BELOW:
        return Light.DIM
    return Light.BRIGHT if brightness >= _BRIGHT_FROM else Light.GOOD


def is_blurred(facts: PictureFacts) -> bool | None:
    """Tells whether the outlines are soft, None if there are none to tell by."""
    if facts.quality is None or facts.quality.sharpness <= 0:
        return None
    # In half the light every outline is half as steep, and the variance a quarter.
    share = min(1.0, facts.quality.brightness / _FULL_LIGHT)
    return facts.quality.sharpness < _BLURRED_BELOW * share**2


def visibility(facts: PictureFacts) -> str:
    """Returns the end of the key for how well things could be seen: a light, `blurred` or `dark_blurred`."""
    light = light_of(facts)
    if is_blurred(facts):
        return "dark_blurred" if light in {Light.DARK, Light.DIM} else "blurred"
    if facts.scene in _DRAWN and light is not Light.DARK:
        return Light.UNKNOWN
    return light
