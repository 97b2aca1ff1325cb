"""The kind of a picture as one word, from what can be measured and nothing else."""

import cv2
import numpy as np

from quintet_vision.analysis.judgement import is_blurred
from quintet_vision.analysis.people import area
from quintet_vision.analysis.picture import Picture
from quintet_vision.engine import DetectedObject, ImageQuality, TextLine

_EDGE = 640
_FLAT_SHARE = 0.8
_FULL_RANGE = 100.0
_LINES_OF_A_DOCUMENT = 5
_TEXT_AREA_OF_A_DOCUMENT = 0.08
_CODE_AREA = 0.15
_PORTRAIT_FACE_AREA = 0.03
_GROUP_SIZE = 3


def is_drawn(picture: Picture) -> bool:
    """Tells whether most neighbouring pixels are alike, which no camera's noise leaves so."""
    height, width = picture.pixels.shape[:2]
    size = (min(width, _EDGE), min(height, _EDGE))
    # Nearest neighbours keep the noise that averaging would take away.
    sample = cv2.resize(picture.grey, size, interpolation=cv2.INTER_NEAREST).astype(np.int16)
    if sample.shape[1] < 2:
        return True
    # In the dark the noise of a camera is as dark as its picture.
    low, high = np.percentile(sample, (0.5, 99.5))
    most_alike = min(1.0, float(high - low) / _FULL_RANGE)
    return float((np.abs(np.diff(sample, axis=1)) <= most_alike).mean()) >= _FLAT_SHARE


def scene_of(
    picture: Picture, quality: ImageQuality, objects: tuple[DetectedObject, ...], text_lines: tuple[TextLine, ...]
) -> str:
    """Returns `blank`, `code`, `document`, `graphic`, `group`, `portrait` or `photo`."""
    if float(np.ptp(picture.pixels, axis=(0, 1)).max()) <= 6:
        return "blank"
    if _is_document(picture, quality, text_lines):
        return "document"
    if not text_lines and _share(picture, objects, {"qr code", "barcode"}) >= _CODE_AREA:
        return "code"
    # No one draws soft outlines only: that is a photo out of focus.
    if is_drawn(picture) and not is_blurred(quality):
        return "graphic"
    return _photographed(picture, objects)


def _is_document(picture: Picture, quality: ImageQuality, text_lines: tuple[TextLine, ...]) -> bool:
    covered = sum(area(line.box) for line in text_lines) / (picture.width * picture.height)
    bright = quality.brightness > 110
    return bright and len(text_lines) >= _LINES_OF_A_DOCUMENT and covered >= _TEXT_AREA_OF_A_DOCUMENT


def _photographed(picture: Picture, objects: tuple[DetectedObject, ...]) -> str:
    faces = [one for one in objects if one.label == "face"]
    people = sum(one.label == "person" for one in objects)
    if max(len(faces), people) >= _GROUP_SIZE:
        return "group"
    if faces and _share(picture, tuple(faces), {"face"}) >= _PORTRAIT_FACE_AREA:
        return "portrait"
    return "photo"


def _share(picture: Picture, objects: tuple[DetectedObject, ...], labels: set[str]) -> float:
    areas = (area(one.box) for one in objects if one.label in labels)
    return max(areas, default=0) / (picture.width * picture.height)
