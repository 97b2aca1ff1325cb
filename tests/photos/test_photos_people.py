"""Faces and people are found where they are, and nowhere else, however the photographs are cut, blurred or turned."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from quintet_vision.analysis.people import PeopleFinder
from quintet_vision.analysis.picture import Picture
from quintet_vision.engine import DetectedObject

sys.path.insert(0, str(Path(__file__).parent))
album = importlib.import_module("album")

pytestmark = [pytest.mark.photos, pytest.mark.timeout(300)]
Edges = tuple[int, int, int, int]
# Left, top, right and bottom edges in pixels of the originals, of heads and of whole people as far as they are seen.
TRUTH: dict[str, tuple[list[Edges], list[Edges]]] = {
    "bus": (
        [(95, 395, 165, 475), (255, 403, 315, 485), (785, 395, 810, 470)],
        [(50, 395, 248, 900), (220, 400, 345, 860), (0, 550, 80, 870), (668, 390, 810, 880)],
    ),
    "zidane": ([(480, 200, 670, 450), (890, 40, 1075, 290)], [(120, 200, 680, 720), (750, 40, 1110, 720)]),
}


def views(name: str) -> Iterator[tuple[Image.Image, Edges, float]]:
    """Yields crops, half of them darkened or blurred, with their edges in the original and their scale."""
    image, random = album.original(name), np.random.default_rng(5)
    for number in range(16):
        width, height = (int(edge * random.uniform(0.4, 1)) for edge in image.size)
        left, top = (
            int(random.uniform(0, whole - part)) for whole, part in zip(image.size, (width, height), strict=True)
        )
        edges = (left, top, left + width, top + height)
        scale = 960 / width
        view = image.crop(edges).resize((960, round(height * scale)), Image.Resampling.LANCZOS)
        if number % 4 == 1:
            view = view.point(lambda value: int(value * 0.3))
        elif number % 4 == 3:
            view = view.filter(ImageFilter.GaussianBlur(2))
        yield view, edges, scale


def is_there(found: DetectedObject, truth: list[Edges], edges: Edges, scale: float) -> bool:
    x = (found.box.x + found.box.width / 2) / scale + edges[0]
    y = (found.box.y + found.box.height / 2) / scale + edges[1]
    room = 0.15
    return any(
        left - room * (right - left) <= x <= right + room * (right - left)
        and top - room * (bottom - top) <= y <= bottom + room * (bottom - top)
        and 0.3 < found.box.height / scale / (bottom - top) < 2
        for left, top, right, bottom in truth
    )


def picture(image: Image.Image) -> Picture:
    return Picture(np.asarray(image)[:, :, ::-1].copy(), image.width, image.height, "jpeg", 1)


@pytest.mark.parametrize("name", TRUTH)
def test_what_is_found_in_pieces_of_a_photograph_is_there(name: str) -> None:
    finder = PeopleFinder()
    heads, bodies = TRUTH[name]
    counted = 0
    for view, edges, scale in views(name):
        shown = picture(view)
        faces, people = finder.faces(shown), finder.people(shown)
        assert all(is_there(one, heads, edges, scale) for one in faces), (edges, faces)
        assert all(is_there(one, bodies, edges, scale) for one in people), (edges, people)
        counted += len(faces) + len(people)
    assert counted >= 5


@pytest.mark.parametrize("name", TRUTH)
def test_no_faces_are_seen_in_a_photograph_that_stands_on_its_head(name: str) -> None:
    assert PeopleFinder().faces(picture(album.original(name).rotate(180))) == ()
