"""From the bytes of a file to an upright picture, within limits that are checked before anything is decoded."""

import io
import math
import struct
from collections.abc import Callable
from types import MappingProxyType

import cv2
import numpy as np
from PIL import Image

from quintet_errors import DomainError, Reason
from quintet_vision.analysis.formats import count_gif_frames, refuse_endless_decoding, sniff, undecodable
from quintet_vision.analysis.picture import Picture, Pixels

WORKING_EDGE = 2000
"""No edge of the working copy is longer than this many pixels: enough to read small print on a page."""

# The limit below is checked right after the header was read; Pillow's own would only warn.
Image.MAX_IMAGE_PIXELS = None

_ORIENTATION_TAG = 0x0112
_BAND_PIXELS = 4_000_000
_UPRIGHT: MappingProxyType[int, Callable[[Pixels], Pixels]] = MappingProxyType(
    {
        2: lambda pixels: cv2.flip(pixels, 1),
        3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
        4: lambda pixels: cv2.flip(pixels, 0),
        5: cv2.transpose,
        6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
        7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
        8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
    }
)


def decode(data: bytes, *, max_pixels: int) -> Picture:
    """Decodes the first frame of a PNG, JPEG, GIF, BMP or WebP file.

    Raises:
        DomainError: UNSUPPORTED_FORMAT, UNDECODABLE_MEDIA, or IMAGE_TOO_LARGE over `max_pixels`.
    """
    picture_format = sniff(data)
    try:
        with Image.open(io.BytesIO(data), formats=(picture_format.upper(),)) as image:
            _check_size(image.size, max_pixels)
            refuse_endless_decoding(data, picture_format, image.width * image.height)
            return _decode_opened(image, data, picture_format)
    except DomainError:
        raise
    # Decoders raise whatever their tables and arithmetic raise when the bytes are hostile.
    except Exception as error:
        raise undecodable("the file is damaged or cut off") from error


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise undecodable("it has no pixels")
    if width * height > max_pixels:
        raise DomainError(
            Reason.IMAGE_TOO_LARGE,
            f"The picture has {width * height} pixels; at most {max_pixels} are taken. Send a smaller copy.",
            {"maxPixels": str(max_pixels), "pixels": str(width * height)},
        )


def _decode_opened(image: Image.Image, data: bytes, picture_format: str) -> Picture:
    width, height = image.size
    orientation = _orientation(image)
    frames = count_gif_frames(data) if picture_format == "gif" else int(getattr(image, "n_frames", 1))
    # A JPEG is decoded at a half, a quarter or an eighth of its size for less than the price of all of it.
    scale = WORKING_EDGE / max(image.size)
    image.draft("RGB", (math.ceil(scale * image.width), math.ceil(scale * image.height)))
    pixels = cv2.cvtColor(_reduced_rgb(image), cv2.COLOR_RGB2BGR)
    if orientation in _UPRIGHT:
        pixels = _UPRIGHT[orientation](pixels)
    if orientation >= 5:
        width, height = height, width
    return Picture(pixels, width, height, picture_format, frames).fitted(WORKING_EDGE)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    # Damaged EXIF data must not cost the picture.
    except (ArithmeticError, AttributeError, LookupError, OSError, SyntaxError, TypeError, ValueError, struct.error):
        return 1
    return value if isinstance(value, int) else 1


def _reduced_rgb(image: Image.Image) -> Pixels:
    """Converts to RGB in bands, each one reduced at once: the conversions of a large picture would take gigabytes."""
    factor = max(1, max(image.size) // WORKING_EDGE)
    band_height = max(1, _BAND_PIXELS // image.width // factor) * factor
    bands = []
    for top in range(0, image.height, band_height):
        band = _to_rgb(image.crop((0, top, image.width, min(top + band_height, image.height))))
        bands.append(np.asarray(band.reduce(factor) if factor > 1 else band))
    return np.concatenate(bands)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow would clip 16 bits to 8, and everything but black would be white.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
