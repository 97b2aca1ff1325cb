"""A better-looking copy of a picture: no more is changed than its quality numbers ask for."""

import cv2
import numpy as np

from quintet_errors import DomainError, Reason
from quintet_vision.analysis.picture import Picture, Pixels
from quintet_vision.engine import ImageQuality

MAX_BYTES = 2 << 20
_EDGE = 1600
_LARGEST_CAST_CORRECTION = 1.25
_JPEG_QUALITIES = (90, 80, 65, 45, 25)


def enhance(picture: Picture, quality: ImageQuality, *, drawn: bool) -> bytes:
    """Returns an upright JPEG file of at most 2 MiB with no edge over 1,600 pixels.

    `drawn` pictures keep their colours, because a red sign has no colour cast.
    """
    pixels = picture.fitted(_EDGE).pixels
    if quality.noise_level > 5:
        pixels = cv2.bilateralFilter(pixels, 5, 4 * quality.noise_level, 3)
    if not drawn:
        pixels = _balanced(pixels)
    if quality.contrast < 50 or not 70 <= quality.brightness <= 190:
        pixels = _with_contrast(pixels, quality) if not drawn else pixels
    if quality.sharpness < 300:
        pixels = _sharpened(pixels)
    return _encode(pixels)


def _balanced(pixels: Pixels) -> Pixels:
    means = np.maximum(np.array(cv2.mean(pixels)[:3]), 1)
    gains = np.clip(means.mean() / means, 1 / _LARGEST_CAST_CORRECTION, _LARGEST_CAST_CORRECTION)
    channels = [
        cv2.convertScaleAbs(one, alpha=gain) for one, gain in zip(cv2.split(pixels), gains.tolist(), strict=True)
    ]
    return cv2.merge(channels)


def _with_contrast(pixels: Pixels, quality: ImageQuality) -> Pixels:
    lightness, a, b = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_BGR2Lab))
    if quality.brightness < 70:
        # A table of 256 values is far cheaper than a power for each pixel.
        lightness = cv2.LUT(lightness, (255 * (np.arange(256) / 255) ** 0.6).astype(np.uint8))
    lightness = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(lightness)
    return cv2.cvtColor(cv2.merge([lightness, a, b]), cv2.COLOR_Lab2BGR)


def _sharpened(pixels: Pixels) -> Pixels:
    return cv2.addWeighted(pixels, 1.5, cv2.GaussianBlur(pixels, (0, 0), 1.5), -0.5, 0)


def _encode(pixels: Pixels) -> bytes:
    for quality in _JPEG_QUALITIES:
        written, encoded = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))
        if written and encoded.size <= MAX_BYTES:
            return encoded.tobytes()
    raise DomainError(Reason.ENGINE_FAILED, "The enhanced copy could not be written in 2 MiB.")
