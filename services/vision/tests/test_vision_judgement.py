"""What is said about a picture agrees with itself and with what is in it; the enhanced copy is a better one."""

import io
from typing import Any

import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from quintet_vision.analysis.colors import dominant_colors
from quintet_vision.analysis.describe import describe
from quintet_vision.analysis.enhance import enhance
from quintet_vision.analysis.picture import Picture
from quintet_vision.analysis.quality import measure_quality
from quintet_vision.analysis.scene import is_drawn, scene_of
from quintet_vision.analysis.suggest import suggestions
from quintet_vision.engine import Analysis, Box, DetectedObject, ImageQuality, TextLine
from quintet_vision.messages import to_result


def shown(image: Image.Image) -> Picture:
    pixels = np.asarray(image.convert("RGB"))[:, :, ::-1].copy()
    return Picture(pixels, image.width, image.height, "png", 1)


def view(blur: float = 0, light: float = 1.0, noise: float = 2.0) -> Image.Image:
    """Overlapping things in soft light: blurred by the lens first, then dimmed, then with the noise of the camera."""
    random = np.random.default_rng(5)
    image = Image.new("RGB", (800, 600), (150, 160, 170))
    draw = ImageDraw.Draw(image)
    for _ in range(120):
        x, y, wide, high = (int(value) for value in random.integers((0, 0, 20, 20), (780, 580, 160, 160)))
        color = tuple(int(value) for value in random.integers(20, 235, 3))
        (draw.ellipse if x % 2 else draw.rectangle)((x, y, x + wide, y + high), fill=color)
    soft = image.filter(ImageFilter.GaussianBlur(max(0.6, blur)))
    values = np.asarray(soft) * light + random.normal(0, noise, (600, 800, 3))
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


def gradient() -> Image.Image:
    return Image.linear_gradient("L").resize((800, 600), Image.Resampling.BICUBIC)


def analysis(image: Image.Image, **changes: Any) -> Analysis:
    picture = shown(image)
    quality = measure_quality(picture)
    facts: dict[str, Any] = {
        "objects": (), "scene": scene_of(picture, quality, (), ()), "dominant_colors": dominant_colors(picture),
        "text_lines": (), "codes": (), "quality": quality, "description": "", "suggestions": (), "confidence": 0.5,
        "processing_seconds": 0.1, "limitations": (), "width": image.width, "height": image.height, "format": "png",
        "frame_count": 1,
    }  # fmt: skip
    return Analysis(**(facts | changes))


def told(found: Analysis) -> str:
    return describe(found, text_was_read=True, text_is_complete=True)


@pytest.mark.parametrize(
    ("image", "flaws"),
    [
        (view(), set()),
        (view(blur=8, noise=0), {"blurred"}),
        (view(blur=3, noise=0), {"blurred"}),
        (view(light=0.1, noise=0.5), {"dark"}),
        (view(light=0.1, noise=0), {"dark"}),
        (view(noise=25), {"grainy"}),
        (gradient(), set()),
        (Image.radial_gradient("L").resize((500, 500)), set()),
    ],
)
def test_the_description_and_the_advice_agree(image: Image.Image, flaws: set[str]) -> None:
    found = analysis(image, dominant_colors=())
    advice = " ".join(suggestions(found))
    for flaw in ("blurred", "dark", "grainy"):
        assert (flaw in told(found)) == (flaw in advice) == (flaw in flaws), (flaw, found.quality)
    assert ("good enough" in advice or "sharp" in advice) == (not flaws)


def test_flat_graphics_are_not_called_blurred(studio: Any) -> None:
    found = analysis(studio.exit_sign())
    assert "blurred" not in told(found) + " ".join(suggestions(found))
    assert found.quality.quality_score > 0.7


def test_the_score_falls_clearly_with_each_flaw() -> None:
    def score(image: Image.Image) -> float:
        return measure_quality(shown(image)).quality_score

    assert score(view()) > 0.8
    assert score(view(blur=8, noise=0)) <= 0.4
    assert score(view(light=0.1, noise=0.5)) <= 0.4
    assert score(view(noise=25)) <= 0.4
    assert score(view()) > score(view(noise=8)) + 0.1


def qr_code() -> Image.Image:
    code = zxingcpp.create_barcode("https://example.org/anything", zxingcpp.BarcodeFormat.QRCode)
    drawn = Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=4))
    return drawn.resize((517, 517), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", [30, 48])
def test_black_print_on_white_has_two_colors(size: int) -> None:
    page = Image.new("RGB", (1280, 960), "white")
    font = ImageFont.load_default(size=size)
    for row in range(9):
        ImageDraw.Draw(page).text((60, 60 + 100 * row), "some words that are printed", fill="black", font=font)
    assert np.mean(np.asarray(page.convert("L")) < 128) >= 0.01
    assert [color.name for color in dominant_colors(shown(page))] == ["white", "black"]


def test_a_qr_code_has_two_colors() -> None:
    assert {color.name for color in dominant_colors(shown(qr_code()))} == {"white", "black"}


def copy_of(image: Image.Image) -> tuple[ImageQuality, ImageQuality, Image.Image]:
    picture = shown(image)
    before = measure_quality(picture)
    copy = Image.open(io.BytesIO(enhance(picture, before, drawn=is_drawn(picture))))
    return before, measure_quality(shown(copy)), copy


@pytest.mark.parametrize("noise", [0.0, 0.5, 2.0])
def test_a_dark_picture_becomes_well_lit(noise: float) -> None:
    before, after, _ = copy_of(view(light=0.1, noise=noise))
    assert before.brightness < 20
    assert 90 <= after.brightness <= 130
    assert after.contrast > 2 * before.contrast
    assert after.noise_level < 25


@pytest.mark.parametrize("blur", [1.5, 2.5])
def test_a_blurred_picture_becomes_sharper_without_halos(blur: float) -> None:
    image = view(blur=blur, noise=0)
    before, after, copy = copy_of(image)
    assert after.sharpness > 2 * before.sharpness
    step = Image.new("L", (400, 300), 80)
    step.paste(170, (200, 0, 400, 300))
    _, _, sharpened = copy_of(step.filter(ImageFilter.GaussianBlur(blur)))
    values = np.asarray(sharpened.convert("L")).astype(int)
    assert (values.min() >= 80 - 6, values.max() <= 170 + 6) == (True, True)
    assert copy.size == image.size


def test_a_good_picture_stays_as_it_is() -> None:
    before, after, _ = copy_of(view())
    assert after.sharpness == pytest.approx(before.sharpness, rel=0.15)
    assert after.contrast == pytest.approx(before.contrast, rel=0.15)
    assert after.noise_level <= 1.15 * before.noise_level


def line(text: str, confidence: float) -> TextLine:
    return TextLine(text, confidence, Box(10, 10, 300, 40))


def test_text_that_may_be_misread_is_not_told_as_a_fact() -> None:
    unsure = told(analysis(view(), text_lines=(line("EX1T", 0.6), line("qzj", 0.3))))
    assert "is hard to read and may be wrong here; it seems to read: “EX1T”." in unsure
    assert "qzj" not in unsure
    assert "1 line of text is too hard to read" in unsure
    sure = told(analysis(view(), text_lines=(line("EXIT 42", 0.98),)))
    assert "The text in it reads: “EXIT 42”." in sure
    assert "hard" not in sure
    nothing = told(analysis(view(), text_lines=(line("qzj", 0.2), line("x", 0.1))))
    assert "2 lines of text are too hard to read." in nothing
    assert "reads:" not in nothing


def test_counts_and_shapes_are_said_as_people_say_them() -> None:
    face = DetectedObject("face", 0.9, Box(10, 10, 80, 80))
    tall = view().crop((0, 0, 400, 600))
    assert "It seems to show a face, at the top left." in told(analysis(tall, objects=(face,)))
    assert "2 faces" in told(analysis(tall, objects=(face, face)))
    assert "The picture is in portrait orientation." in told(analysis(tall))
    assert "The picture is square." in told(analysis(tall.crop((0, 0, 300, 300))))


def test_a_picture_without_outlines_has_no_sharpness_on_the_wire() -> None:
    """The contract says 0 then: soft shading must not be taken for a picture out of focus."""
    plain, sharp = analysis(gradient()), analysis(view())
    assert not plain.quality.structured
    assert to_result(plain).analysis.quality.sharpness == 0
    assert to_result(sharp).analysis.quality.sharpness == pytest.approx(sharp.quality.sharpness)
