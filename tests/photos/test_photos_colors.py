"""Every colour that the vision service names is spoken in each language of the guide."""

import itertools

import numpy as np
import pytest

from quintet_llm.skills.guide.language import read
from quintet_vision.analysis.colors import dominant_colors
from quintet_vision.analysis.picture import Picture

# The shades between these lie in the same names.
LEVELS = (0, 60, 128, 200, 255)


@pytest.mark.parametrize("language", ["hi", "mr"])
def test_colors_that_are_found_have_names(language: str) -> None:
    names = read("labels", "colors")[language]
    found = set()
    for shade in itertools.product(LEVELS, repeat=3):
        pixels = np.full((8, 8, 3), shade, np.uint8)
        found |= {color.name for color in dominant_colors(Picture(pixels, 8, 8, "png", 1))}
    assert len(found) > 18
    assert found <= set(names)
