"""Ten photographs and what is true of each: two from a published package, and eight that are made of them."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter, ImageFont

_WHEELS = Path(__file__).parents[2] / "build" / "photos"
SIGN = ("PLATFORM 3", "Mind the gap")
ADDRESS = "https://example.org/menu?table=4"


@dataclass(frozen=True)
class Photo:
    """A picture and the truth: in which columns people stand, what is written, what may be said of light and blur."""

    name: str
    draw: Callable[[], Image.Image]
    people: frozenset[str]
    most_people: int
    written: str
    visibility: frozenset[str]
    code: str = ""


@cache
def original(name: str) -> Image.Image:
    """Returns one of the two published photographs; `make test-photos` has fetched them."""
    (wheel,) = sorted(_WHEELS.glob("ultralytics-*.whl"))
    with zipfile.ZipFile(wheel) as archive, archive.open(f"ultralytics/assets/{name}.jpg") as file:
        return Image.open(file).convert("RGB")


def bus() -> Image.Image:
    return original("bus")


def coaches() -> Image.Image:
    return original("zidane")


def _street() -> Image.Image:
    """The pavement, a bollard and the side of the bus, where nobody stands."""
    return bus().crop((360, 560, 650, 1080)).resize((580, 1040), Image.Resampling.LANCZOS)


def _night() -> Image.Image:
    return bus().point(lambda value: value // 5)


def _unfocused() -> Image.Image:
    return coaches().filter(ImageFilter.GaussianBlur(8))


def _spectators() -> Image.Image:
    """The stand behind the coaches, which the lens left out of focus."""
    return coaches().crop((0, 0, 470, 264)).resize((1280, 719), Image.Resampling.LANCZOS)


def _sign() -> Image.Image:
    image = _spectators()
    draw = ImageDraw.Draw(image)
    draw.rectangle((760, 120, 1240, 380), fill=(250, 250, 245), outline=(20, 40, 120), width=8)
    for line, text in enumerate(SIGN):
        draw.text((800, 160 + 100 * line), text, fill=(15, 15, 15), font=ImageFont.load_default(size=64))
    return image


def _menu() -> Image.Image:
    image = _street().resize((1160, 2080)).crop((0, 500, 1160, 1370))
    code = zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(ADDRESS, zxingcpp.BarcodeFormat.QRCode), scale=8)
    image.paste(Image.fromarray(code).convert("RGB"), (120, 160))
    return image


def _wall() -> Image.Image:
    """An even wall in soft light, with the noise of a camera."""
    slope = np.linspace(176, 190, 1280)[None, :, None] * np.array([1.0, 0.95, 0.85])
    noise = np.random.default_rng(2).normal(0, 2.5, (720, 1280, 3))
    return Image.fromarray((slope + noise).clip(0, 255).astype(np.uint8))


def _group() -> Image.Image:
    """The same coach three times beside himself."""
    image = Image.new("RGB", (1260, 700))
    one = coaches().crop((760, 20, 1180, 720))
    for index in range(3):
        image.paste(one, (420 * index, 0))
    return image


_BUS_WORDS = (
    "M1 SOL SEVILLA 0010 10 EMT Madrid Un minibús 100% eléctrico sí es plan puravele eléctricamEMTe cero emisiones"
)
ALBUM = (
    Photo("bus", bus, frozenset({"left", "ahead", "right"}), 4, _BUS_WORDS, frozenset({"good"})),
    Photo("coaches", coaches, frozenset({"ahead", "right"}), 2, "", frozenset({"dim"})),
    Photo("street", _street, frozenset(), 0, "emision", frozenset({"good"})),
    Photo("night", _night, frozenset({"left", "ahead", "right"}), 4, _BUS_WORDS, frozenset({"dark"})),
    Photo("unfocused", _unfocused, frozenset({"ahead", "right"}), 2, "", frozenset({"blurred", "dark_blurred"})),
    Photo("spectators", _spectators, frozenset(), 0, "", frozenset({"dim", "good", "blurred", "dark_blurred"})),
    Photo("sign", _sign, frozenset(), 0, " ".join(SIGN), frozenset({"dim", "good", "blurred"})),
    Photo("menu", _menu, frozenset(), 0, _BUS_WORDS, frozenset({"good"}), ADDRESS),
    Photo("wall", _wall, frozenset(), 0, "", frozenset({"good", "unknown"})),
    Photo("group", _group, frozenset({"left", "ahead", "right"}), 3, "", frozenset({"dim", "good", "dark"})),
)
