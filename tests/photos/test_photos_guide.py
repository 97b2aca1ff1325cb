"""Ten photographs, looked at by the embedded engine and described by the guide: nothing that is said is false."""

import importlib
import io
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.vision.v1.vision_service_pb2 import ImageAnalysis
from quintet_llm.engine import TextDelta
from quintet_llm.engines.grounded import GroundedEngine
from quintet_llm.messages import read_request
from quintet_llm.skills.guide.language import LANGUAGES, read
from quintet_llm.skills.registry import SkillOptions
from quintet_vision.engine import Analysis, AnalysisOptions
from quintet_vision.engines.opencv import OpenCvEngine
from quintet_vision.messages import to_result
from quintet_vision.text_reader import TextReader

# Test modules are imported by their paths, so that the album beside them has to be made findable.
sys.path.insert(0, str(Path(__file__).parent))
album = importlib.import_module("album")

pytestmark = [pytest.mark.photos, pytest.mark.timeout(300)]
BY_NAME = {photo.name: photo for photo in album.ALBUM}
PEOPLE = {"en": "person|people", "hi": "व्यक्ति|लोग", "mr": "व्यक्ती"}
QUOTED = r"“.*?”|\".*?\""
HEDGES = {"en": "I think", "hi": "लगता है", "mr": "असे वाटते"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def analyses() -> AsyncIterator[dict[str, ImageAnalysis]]:
    """What the vision service finds in each photograph, as its JPEG file comes from a camera."""
    engine = OpenCvEngine(max_pixels=50_000_000, threads=2, text_reader=TextReader(threads=2, budget_s=60))
    found = {}
    for photo in album.ALBUM:
        file = io.BytesIO()
        photo.draw().save(file, "JPEG", quality=90)
        async for event in engine.analyze(file.getvalue(), AnalysisOptions()):
            if isinstance(event, Analysis):
                found[photo.name] = to_result(event).analysis
    yield found
    await engine.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guide() -> AsyncIterator[GroundedEngine]:
    engine = GroundedEngine(SkillOptions())
    await engine.warm_up()
    yield engine
    await engine.close()


async def told(engine: GroundedEngine, analysis: ImageAnalysis, language: str, text: str = "[Snapshot Mode]") -> str:
    message = pb.ChatMessage(role=pb.ChatMessage.ROLE_USER, content=text, image_analysis=analysis)
    request = pb.StreamChatRequest(messages=[message], language=language, style=pb.StreamChatRequest.STYLE_GUIDE)
    events = engine.answer(read_request(request, engine.models()))
    return "".join([event.text async for event in events if isinstance(event, TextDelta)])


def columns_named(said: str, language: str) -> set[str]:
    """Returns the columns in which a text says that someone or something is."""
    places = read("wording", language)["place"]
    return {key.partition("_")[0] for key, words in places.items() if re.search(rf"{words}(?!\w)", said)}


def endings_of(photo: Any, language: str, *after: str) -> list[str]:
    """Returns what a description may end with, after people were found or after nothing."""
    words = read("wording", language)
    rests = [words["rest"][f"blind_{one}"] for one in after or ("people", "nothing")]
    said = [words["end"][light].format(rest=rest) for light in photo.visibility for rest in rests]
    return [one[:1].upper() + one[1:] for one in (*said, *(() if after else (words["end"]["blank"],)))]


def nobody_found(body: str, language: str) -> bool:
    words = read("wording", language)
    return words["people"]["none"] in body or words["nothing"]["blind"] in body


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.asyncio(loop_scope="module")
async def test_people_are_where_they_are(analyses: dict[str, ImageAnalysis], name: str) -> None:
    photo, found = BY_NAME[name], analyses[name]
    seen = [one for one in found.objects if one.label in {"face", "person"}]
    columns = {("left", "ahead", "right")[int(3 * (one.box.x + one.box.width / 2) / found.width)] for one in seen}
    assert columns <= photo.people
    assert len(seen) <= photo.most_people


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.asyncio(loop_scope="module")
async def test_no_description_is_false(
    analyses: dict[str, ImageAnalysis], guide: GroundedEngine, name: str, language: str
) -> None:
    photo = BY_NAME[name]
    said = await told(guide, analyses[name], language)
    quoted = [text.strip('“”"') for text in re.findall(QUOTED, said)]
    plain = re.sub(QUOTED, "“”", said)
    ending = next(one for one in endings_of(photo, language) if plain.endswith(one))
    body = plain.removesuffix(ending)
    assert columns_named(body, language) <= photo.people
    found = bool(columns_named(body, language))
    assert (ending in endings_of(photo, language, "people")) == found
    if found:
        assert re.search(PEOPLE[language], body)
        assert HEDGES[language] in body
    elif photo.name != "wall":
        assert nobody_found(body, language)
    assert all(words_of(text) <= words_of(photo.written) for text in quoted)
    assert len(re.findall(r"[.।](?= |$)", plain)) <= 3


@pytest.mark.asyncio(loop_scope="module")
async def test_what_can_be_found_is_found(analyses: dict[str, ImageAnalysis], guide: GroundedEngine) -> None:
    """True descriptions that say nothing would pass the rest."""
    assert "a person on the left" in await told(guide, analyses["bus"], "en")
    assert "close by on the right" in await told(guide, analyses["coaches"], "en")
    assert "PLATFORM 3 Mind the gap" in await told(guide, analyses["sign"], "hi")
    assert "example.org" in await told(guide, analyses["menu"], "mr")
    assert album.ADDRESS in await told(guide, analyses["menu"], "en", "what does the QR code say?")
    group = await told(guide, analyses["group"], "en", "how many people are there?")
    assert "at least three people" in group


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_says_that_the_way_is_clear(analyses: dict[str, ImageAnalysis], guide: GroundedEngine) -> None:
    questions = {"en": "is the way clear?", "hi": "क्या रास्ता साफ है?", "mr": "रस्ता मोकळा आहे का?"}
    for language, question in questions.items():
        refusal = read("wording", language)["way"]["unknown"]
        for analysis in analyses.values():
            assert (await told(guide, analysis, language, question)).startswith(refusal)
