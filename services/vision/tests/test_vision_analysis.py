"""Each subject by itself: colours, codes, quality, people, scenes, words, the enhanced copy."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from quintet_vision.analysis.codes import read_codes
from quintet_vision.analysis.colors import dominant_colors
from quintet_vision.analysis.decode import decode
from quintet_vision.analysis.describe import describe
from quintet_vision.analysis.enhance import MAX_BYTES, enhance
from quintet_vision.analysis.people import PeopleFinder
from quintet_vision.analysis.picture import Picture
from quintet_vision.analysis.quality import measure_quality
from quintet_vision.analysis.scene import is_drawn, scene_of
from quintet_vision.analysis.suggest import suggestions
from quintet_vision.engine import Analysis, Box, DecodedCode, DetectedObject, DominantColor, ImageQuality, TextLine


def picture(image: Image.Image) -> Picture:
    pixels = np.asarray(image.convert("RGB"))[:, :, ::-1].copy()
    return Picture(pixels, image.width, image.height, "png", 1)


def blotches(size: tuple[int, int] = (640, 480), seed: int = 7) -> Image.Image:
    """Soft colour with camera-like noise, as a photo has it."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(40, 215, (6, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noisy = np.asarray(coarse).astype(int) + random.normal(0, 4, (size[1], size[0], 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ("#ff0000", "red"), ("#00ff00", "green"), ("#0000ff", "blue"), ("#ffff00", "yellow"), ("#ffffff", "white"),
        ("#000000", "black"), ("#808080", "grey"), ("#ffa500", "orange"), ("#8b4513", "brown"), ("#800080", "purple"),
        ("#ffc0cb", "pink"), ("#87ceeb", "light blue"), ("#000080", "dark blue"), ("#006400", "dark green"),
        ("#008080", "teal"), ("#cc1111", "red"), ("#3355cc", "blue"), ("#7a4a22", "brown"), ("#efe8d8", "beige"),
    ],
)  # fmt: skip
def test_names_colors_as_people_do(color: str, name: str) -> None:
    (found,) = dominant_colors(picture(Image.new("RGB", (50, 50), color)))
    assert (found.name, found.hex) == (name, color)
    assert found.share == pytest.approx(1)


def test_measures_the_share_of_each_color() -> None:
    image = Image.new("RGB", (100, 100), "white")
    image.paste((255, 0, 0), (0, 0, 50, 50))
    image.paste((0, 0, 255), (60, 60, 70, 72))
    found = {color.name: color.share for color in dominant_colors(picture(image))}
    assert list(found) == ["white", "red", "blue"]
    assert found["red"] == pytest.approx(0.25, abs=0.02)
    assert found["blue"] == pytest.approx(0.012, abs=0.004)


CODES = [
    (zxingcpp.BarcodeFormat.QRCode, "https://example.org/a?b=ü", "qr"),
    (zxingcpp.BarcodeFormat.EAN8, "96385074", "ean8"),
    (zxingcpp.BarcodeFormat.Code128, "Parcel 12-B", "code128"),
    (zxingcpp.BarcodeFormat.DataMatrix, "part 7", "datamatrix"),
    (zxingcpp.BarcodeFormat.PDF417, "ticket 9", "pdf417"),
    (zxingcpp.BarcodeFormat.Aztec, "train", "aztec"),
]


@pytest.mark.parametrize(("kind", "payload", "name"), CODES)
def test_reads_codes_of_each_kind(studio: Any, kind: zxingcpp.BarcodeFormat, payload: str, name: str) -> None:
    (code,) = read_codes(picture(studio.code(kind, payload)))
    assert (code.kind, code.payload) == (name, payload)
    assert 190 <= code.box.x <= 260
    assert 95 <= code.box.y <= 160


def test_reads_a_qr_code_that_another_library_made() -> None:
    import cv2

    modules = cv2.QRCodeEncoder.create().encode("made elsewhere")
    image = Image.new("L", (400, 400), 255)
    image.paste(Image.fromarray(modules).resize((200, 200), Image.Resampling.NEAREST).rotate(90), (90, 120))
    (code,) = read_codes(picture(image))
    assert code.payload == "made elsewhere"


def draw_ean13(digits: str) -> Image.Image:
    """Draws the bars by the published tables, so that no reader's own writer is in the test."""
    left = [
        "0001101",
        "0011001",
        "0010011",
        "0111101",
        "0100011",
        "0110001",
        "0101111",
        "0111011",
        "0110111",
        "0001011",
    ]
    parity = ["LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL"][
        int(digits[0])
    ]
    right = [code.translate(str.maketrans("01", "10")) for code in left]
    even = [code[::-1] for code in right]
    first = "".join(
        (left if side == "L" else even)[int(digit)] for side, digit in zip(parity, digits[1:7], strict=True)
    )
    last = "".join(right[int(digit)] for digit in digits[7:])
    image = Image.new("RGB", (500, 300), "white")
    draw = ImageDraw.Draw(image)
    for index, bit in enumerate(f"101{first}01010{last}101"):
        if bit == "1":
            draw.rectangle((100 + 3 * index, 80, 102 + 3 * index, 220), fill="black")
    return image


def test_reads_an_ean13_barcode() -> None:
    (code,) = read_codes(picture(draw_ean13("4006381333931")))
    assert (code.kind, code.payload) == ("ean13", "4006381333931")


def test_hostile_finder_patterns_end_soon() -> None:
    """Thousands of corners of QR codes keep a reader busy that tries all of them in threes."""
    ring = np.full((9, 9), 255, np.uint8)
    ring[1:8, 1:8], ring[2:7, 2:7], ring[3:6, 3:6] = 0, 255, 0
    tiles = np.tile(np.kron(ring, np.ones((3, 3), np.uint8)), (44, 59))
    assert read_codes(picture(Image.fromarray(tiles))) == ()


def test_quality_numbers_tell_good_from_bad() -> None:
    base = blotches()
    ImageDraw.Draw(base).rectangle((200, 150, 400, 300), fill="black", outline="white", width=4)
    sharp = measure_quality(picture(base.filter(ImageFilter.SHARPEN)))
    blurred = measure_quality(picture(base.filter(ImageFilter.GaussianBlur(6))))
    dark = measure_quality(picture(base.point(lambda value: value // 8)))
    assert blurred.sharpness < 100 < sharp.sharpness
    assert dark.brightness < 40 < sharp.brightness
    assert max(blurred.quality_score, dark.quality_score) < sharp.quality_score <= 1


@pytest.mark.parametrize("sigma", [3.0, 10.0, 25.0])
def test_estimates_the_noise(sigma: float) -> None:
    values = 128 + np.random.default_rng(1).normal(0, sigma, (400, 400))
    grey = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    assert measure_quality(picture(grey)).noise_level == pytest.approx(sigma, rel=0.25)


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (2, 2), (30, 30)])
def test_every_step_takes_pictures_of_any_shape(size: tuple[int, int]) -> None:
    tiny = picture(Image.new("RGB", size, "red"))
    quality = measure_quality(tiny)
    finder = PeopleFinder()
    assert finder.faces(tiny) == finder.people(tiny) == read_codes(tiny) == ()
    assert dominant_colors(tiny)[0].name == "red"
    assert scene_of(tiny, quality, (), ()) == "blank"
    assert is_drawn(tiny)
    assert enhance(tiny, quality, drawn=False).startswith(b"\xff\xd8")


def draw_face(width: int) -> Image.Image:
    """A frontal face as its light and dark parts, which is what the detector looks at."""
    wide, high = 4 * width, round(5.2 * width)
    face = Image.new("RGB", (wide, high), (120, 130, 140))
    draw = ImageDraw.Draw(face)

    def oval(x: float, y: float, radius_x: float, radius_y: float, color: tuple[int, int, int]) -> None:
        box = (wide * (x - radius_x), high * (y - radius_y), wide * (x + radius_x), high * (y + radius_y))
        draw.ellipse(box, fill=color)

    oval(0.5, 0.5, 0.5, 0.5, (60, 40, 30))
    oval(0.5, 0.55, 0.42, 0.43, (224, 180, 150))
    for x in (0.3, 0.7):
        oval(x, 0.43, 0.13, 0.07, (150, 105, 85))
        draw.rectangle((wide * (x - 0.14), high * 0.345, wide * (x + 0.14), high * 0.375), fill=(60, 40, 30))
        oval(x, 0.435, 0.08, 0.035, (245, 245, 245))
        oval(x, 0.435, 0.04, 0.04, (30, 20, 20))
    oval(0.5, 0.655, 0.1, 0.025, (170, 120, 100))
    oval(0.5, 0.78, 0.17, 0.04, (160, 70, 70))
    return face.resize((width, high // 4), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("size", [(2000, 1500), (1500, 2000), (640, 480)])
@pytest.mark.parametrize("share", [0.05, 0.08, 0.2])
def test_finds_faces_from_a_twentieth_of_the_width_on(size: tuple[int, int], share: float) -> None:
    face = draw_face(max(30, round(share * size[0])))
    shown = blotches(size)
    places = [(size[0] // 10, size[1] // 10), (size[0] // 2, size[1] // 2)]
    for place in places:
        shown.paste(face, place)
    found = sorted((one.box for one in PeopleFinder().faces(picture(shown))), key=lambda box: box.x)
    assert len(found) == len(places)
    for box, (x, y) in zip(found, places, strict=True):
        assert x <= box.x + box.width / 2 <= x + face.width
        assert y <= box.y + box.height / 2 <= y + face.height


def coins() -> Image.Image:
    image = Image.new("RGB", (800, 600), "gray")
    draw = ImageDraw.Draw(image)
    random = np.random.default_rng(0)
    for _ in range(30):
        x, y, radius = random.integers(0, 700), random.integers(0, 500), random.integers(20, 60)
        grey = int(random.integers(90, 250))
        draw.ellipse((x, y, x + 2 * radius, y + 2 * radius), fill=(grey,) * 3)
        draw.ellipse((x + radius // 2, y + radius // 2, x + radius, y + radius), fill=(grey // 2,) * 3)
    return image


def test_sees_no_faces_where_there_are_none(studio: Any) -> None:
    finder = PeopleFinder()
    gradient = Image.linear_gradient("L").resize((800, 600))
    for image in (coins(), studio.page(20), gradient, studio.noise((800, 600)), blotches()):
        assert finder.faces(picture(image)) == ()
        assert is_drawn(picture(image)) or finder.people(picture(image)) == ()


def line(text: str = "some words", y: int = 0, confidence: float = 0.99) -> TextLine:
    return TextLine(text, confidence, Box(10, y, 600, 40))


def test_names_scenes_by_what_is_measured(studio: Any) -> None:
    def scene(image: Image.Image, *objects: DetectedObject, lines: tuple[TextLine, ...] = ()) -> str:
        shown = picture(image)
        return scene_of(shown, measure_quality(shown), objects, lines)

    face = DetectedObject("face", 0.9, Box(200, 100, 200, 200))
    small_face = replace(face, box=Box(0, 0, 40, 40))
    qr = DetectedObject("qr code", 1.0, Box(100, 100, 300, 300))
    assert scene(Image.new("RGB", (640, 480), "red")) == "blank"
    assert scene(studio.page(8), lines=tuple(line(y=50 * n) for n in range(8))) == "document"
    assert scene(studio.exit_sign(), lines=(line(),)) == "graphic"
    assert scene(studio.exit_sign(), qr) == "code"
    assert scene(blotches()) == "photo"
    assert scene(blotches(), face) == "portrait"
    assert scene(blotches(), small_face, small_face, small_face) == "group"


def analysis(**changes: Any) -> Analysis:
    quality = ImageQuality(500.0, 120.0, 50.0, 1.0, 0.1, 0.9)
    plain = Analysis(
        objects=(), scene="photo", dominant_colors=(), text_lines=(), codes=(), quality=quality, description="",
        suggestions=(), confidence=0.5, processing_seconds=0.1, limitations=(), width=900, height=600, format="jpeg",
        frame_count=1,
    )  # fmt: skip
    return replace(plain, **changes)


def words(shown: Analysis, *, read: bool = True, complete: bool = True) -> str:
    return describe(shown, text_was_read=read, text_is_complete=complete)


def test_describes_what_is_where() -> None:
    told = words(
        analysis(
            objects=(
                DetectedObject("face", 0.8, Box(0, 0, 100, 100)),
                DetectedObject("face", 0.7, Box(400, 250, 100, 100)),
                DetectedObject("person", 0.7, Box(750, 150, 100, 300)),
            ),
            text_lines=(line("EXIT 42"),),
            codes=(DecodedCode("qr", "https://example.org", Box(400, 450, 100, 100)),),
            dominant_colors=(DominantColor("white", "#ffffff", 0.6), DominantColor("red", "#ff0000", 0.2)),
            frame_count=3,
        )
    )
    for part in (
        "photo of 900 by 600 pixels, from a JPEG file. The picture is in landscape orientation.",
        "3 frames; only the first",
        "2 faces, at the top left and in the middle",
        "a person, on the right",
        "The text in it reads: “EXIT 42”.",
        "A QR code at the bottom says “https://example.org”.",
        "white (60 %) and red (20 %)",
    ):
        assert part in told
    assert "No face" not in told


def test_says_what_was_looked_for_in_vain() -> None:
    assert "no text was found" in words(analysis())
    assert "text" not in words(analysis(), read=False)


def test_long_text_is_cut_and_counted() -> None:
    lines = tuple(line("word " * 30) for _ in range(20))
    told = words(analysis(text_lines=lines), complete=False)
    assert len(told) < 1500
    assert "more lines of text" in told
    assert "not read" in told


def test_suggests_what_would_help() -> None:
    quality = analysis().quality
    assert suggestions(analysis()) == ("The picture is sharp and well lit.",)
    dark_and_blurred = suggestions(analysis(quality=replace(quality, brightness=20.0, sharpness=10.0)))
    assert any("dark" in one for one in dark_and_blurred)
    assert any("blurred" in one for one in dark_and_blurred)
    assert any("hard to read" in one for one in suggestions(analysis(text_lines=(line(confidence=0.6),))))
    assert "one colour" in suggestions(analysis(scene="blank"))[0]


def test_the_enhanced_copy_is_brighter_upright_and_small() -> None:
    dark = blotches((2400, 1800)).point(lambda value: value // 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    dark.save(file, "JPEG", exif=exif, quality=95)
    shown = decode(file.getvalue(), max_pixels=50_000_000)
    copy = enhance(shown, measure_quality(shown), drawn=False)
    assert len(copy) <= MAX_BYTES
    with Image.open(io.BytesIO(copy)) as opened:
        assert (opened.format, opened.size) == ("JPEG", (1200, 1600))
        assert np.asarray(opened.convert("L")).mean() > 1.3 * np.asarray(dark.convert("L")).mean()


def test_the_enhanced_copy_of_noise_fits_its_limit() -> None:
    values = np.random.default_rng(3).integers(0, 255, (1600, 1600, 3), dtype=np.uint8)
    shown = picture(Image.fromarray(values))
    assert len(enhance(shown, measure_quality(shown), drawn=False)) <= MAX_BYTES
