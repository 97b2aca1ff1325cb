"""A better-looking copy of a picture: no more is changed than its quality numbers ask for."""

import cv2
import numpy as np

from quintet_errors import DomainError, Reason
from quintet_vision.analysis.judgement import is_blurred
from quintet_vision.analysis.picture import Picture, Pixels
from quintet_vision.engine import ImageQuality

MAX_BYTES = 2 << 20
_EDGE = 1600
_LARGEST_CAST_CORRECTION = 1.25
_JPEG_QUALITIES = (90, 80, 65, 45, 25)
_SOFT_BELOW = 300.0
_GRAINY_ABOVE = 8.0
# More light shows more noise: the copy may get no grainier than this.
_MOST_NOISE = 25.0
_BRIGHTEST_IN_THE_DARK = 80.0
_LARGEST_STRETCH = 12.0
_SMALLEST_GAMMA, _LARGEST_GAMMA = 0.35, 1.6
_DARKEST_MEAN, _BRIGHTEST_MEAN = 110.0, 160.0


def enhance(picture: Picture, quality: ImageQuality, *, drawn: bool) -> bytes:
    """Returns an upright JPEG file of at most 2 MiB with no edge over 1,600 pixels.

    `drawn` pictures keep their colours, because a red sign has no colour cast; good pictures stay as they are.
    """
    pixels = picture.fitted(_EDGE).pixels
    if quality.noise_level > _GRAINY_ABOVE:
        pixels = cv2.bilateralFilter(pixels, 5, 4 * quality.noise_level, 3)
    if not drawn or is_blurred(quality):
        pixels = _lit(_balanced(pixels), quality.noise_level) if _is_badly_lit(pixels, quality) else pixels
    elif float(np.percentile(pixels, 99.5)) < _BRIGHTEST_IN_THE_DARK:
        # A white word on black is meant to be so, but nobody draws all of a picture in near black.
        pixels = _lit(pixels, quality.noise_level)
    if quality.structured and quality.sharpness < _SOFT_BELOW:
        pixels = _sharpened(pixels)
    return _encode(pixels)


def _is_badly_lit(pixels: Pixels, quality: ImageQuality) -> bool:
    # A page is bright and has black in it; an overexposed picture has none.
    washed_out = quality.brightness > 190 and float(np.percentile(pixels, 1)) > 100
    return quality.brightness < 80 or (quality.contrast < 30 and quality.brightness <= 190) or washed_out


def _balanced(pixels: Pixels) -> Pixels:
    means = np.maximum(np.array(cv2.mean(pixels)[:3]), 1)
    gains = np.clip(means.mean() / means, 1 / _LARGEST_CAST_CORRECTION, _LARGEST_CAST_CORRECTION)
    channels = [
        cv2.convertScaleAbs(one, alpha=gain) for one, gain in zip(cv2.split(pixels), gains.tolist(), strict=True)
    ]
    return cv2.merge(channels)


def _lit(pixels: Pixels, noise: float) -> Pixels:
    """Spreads the tones over the whole range and bends them so that the middle ones are well lit."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    low, high = np.percentile(grey, (0.5, 99.5))
    stretch = min(255 / max(1.0, float(high - low)), _LARGEST_STRETCH, max(1.5, _MOST_NOISE / max(noise, 0.1)))
    tones = np.clip((np.arange(256) - float(low)) * stretch / 255, 0, 1)
    counts = np.bincount(grey.ravel(), minlength=256) / grey.size
    mean = float(255 * (counts * tones).sum())
    target = min(max(mean, _DARKEST_MEAN), _BRIGHTEST_MEAN)
    gammas = np.linspace(_SMALLEST_GAMMA, _LARGEST_GAMMA, 64)
    reached = [abs(255 * float((counts * tones**gamma).sum()) - target) for gamma in gammas]
    curve = 255 * tones ** gammas[int(np.argmin(reached))]
    lit = cv2.LUT(pixels, curve.round().astype(np.uint8))
    shown = noise * stretch
    return cv2.bilateralFilter(lit, 5, min(60.0, 3 * shown), 3) if shown > _GRAINY_ABOVE else lit


def _sharpened(pixels: Pixels) -> Pixels:
    """Makes outlines steeper within the tones on their two sides, so that no halo appears around them."""
    strong = cv2.addWeighted(pixels, 3.5, cv2.GaussianBlur(pixels, (0, 0), 2.0), -2.5, 0)
    kernel = np.ones((5, 5), np.uint8)
    return np.clip(strong, cv2.erode(pixels, kernel), cv2.dilate(pixels, kernel))


def _encode(pixels: Pixels) -> bytes:
    for quality in _JPEG_QUALITIES:
        written, encoded = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))
        if written and encoded.size <= MAX_BYTES:
            return encoded.tobytes()
    raise DomainError(Reason.ENGINE_FAILED, "The enhanced copy could not be written in 2 MiB.")
