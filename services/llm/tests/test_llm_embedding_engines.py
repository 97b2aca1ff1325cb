"""The embedding engines: the numbers of a tiny real encoder, damage, memory, turns, and the model itself."""

import asyncio
import json
import math
import shutil
import subprocess
import sys

import numpy as np
import pytest
from encoder import HIDDEN, expected, make_encoder, safetensors, tensors

from quintet_engines import EngineKind, Turns
from quintet_errors import DomainError, Reason
from quintet_llm.embedding_engine import Purpose
from quintet_llm.engines.minilm import BATCH, MiniLmEngine
from quintet_llm.engines.minilm_model import MiniLmModel
from quintet_llm.engines.scripted_embedding import ScriptedEmbedding
from quintet_llm.installed_embedding import InstalledEmbedding
from quintet_models import installed, load_catalogue
from quintet_rpc.settings import default_data_dir
from quintet_testing import eventually

TEXTS = [
    "the lamp is lit at night",
    "bread",
    "Bread needs salt and water",
    "a b c d e f g h",
    "unknown words here",
    "h g f e d c b a a b c d",
]


@pytest.fixture(scope="module")
def used_folder(tmp_path_factory):
    """An encoder that was loaded once, so that its graph is there: building one takes a process."""
    folder = make_encoder(tmp_path_factory.mktemp("models") / "tiny-encoder")
    MiniLmModel(folder, 1)
    assert graphs_in(folder)
    return folder


@pytest.fixture
def folder(used_folder, tmp_path):
    return shutil.copytree(used_folder, tmp_path / "tiny-encoder")


@pytest.fixture
async def engine(folder):
    made = MiniLmEngine(folder)
    yield made
    await made.close()


@pytest.fixture(params=["minilm", "scripted"])
async def any_engine(request, folder):
    made = MiniLmEngine(folder) if request.param == "minilm" else ScriptedEmbedding()
    yield made
    await made.close()


def graphs_in(folder):
    return list(folder.glob("graph-*.onnx"))


async def is_unloaded(engine):
    return not engine.info().loaded


async def test_vectors_are_what_numpy_computes(engine):
    vectors = await engine.embed(TEXTS, Purpose.PASSAGE)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert np.abs(np.array(vector) - expected(text)).max() < 1e-5, text


async def test_long_texts_are_cut_at_the_places_that_the_model_has(engine):
    (vector,) = await engine.embed(["water " * 500], Purpose.PASSAGE)
    assert np.abs(np.array(vector) - expected("water " * 30)).max() < 1e-5


async def test_vectors_come_in_order_and_have_length_one(any_engine):
    texts = [" ".join(["lamp"] * (number % 7 + 1)) + f" {number}" for number in range(3 * BATCH + 1)]
    together = await any_engine.embed(texts, Purpose.PASSAGE)
    alone = [(await any_engine.embed([text], Purpose.QUERY))[0] for text in texts]
    assert len(together) == len(texts)
    assert all(len(vector) == any_engine.dimensions for vector in together)
    assert np.abs(np.array(together) - np.array(alone)).max() < 1e-5
    assert all(abs(math.hypot(*vector) - 1) < 1e-5 for vector in together)


async def test_description_is_whole(any_engine):
    await any_engine.warm_up()
    info = any_engine.info()
    assert info.name
    assert info.model
    assert info.choice_reason
    assert info.loaded


async def test_scripted_vectors_are_near_where_words_are_common():
    engine = ScriptedEmbedding()
    near, far, question = np.array(
        await engine.embed(
            ["Trim the wick of the lamp", "Salt the dough", "the lamp and its wick", "?!"], Purpose.PASSAGE
        )
    )[:3]
    assert question @ near > 0.4
    assert question @ far < 0.3
    assert await engine.embed(["same"], Purpose.QUERY) == await ScriptedEmbedding().embed(["same"], Purpose.PASSAGE)


async def test_nothing_is_loaded_before_the_first_text(engine):
    assert engine.dimensions == HIDDEN
    assert not engine.info().loaded
    await engine.embed(["lamp"], Purpose.QUERY)
    assert engine.info().loaded


def test_unused_engine_imports_no_runtime():
    code = (
        "import sys, quintet_llm.installed_embedding, quintet_llm.embedding_servicer\n"
        "print(sorted({'onnx', 'onnxruntime', 'tokenizers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


async def test_model_leaves_memory_when_idle_and_returns(folder):
    engine = MiniLmEngine(folder, idle_unload_s=0.05)
    before = await engine.embed(TEXTS, Purpose.PASSAGE)
    await eventually(lambda: is_unloaded(engine))
    assert await engine.embed(TEXTS, Purpose.PASSAGE) == before
    await engine.close()


async def test_graph_is_kept_and_built_again_if_it_is_broken(folder):
    for broken in (b"", b"garbage" * 100):
        graphs_in(folder)[0].write_bytes(broken)
        engine = MiniLmEngine(folder)
        vectors = await engine.embed(TEXTS, Purpose.PASSAGE)
        assert np.abs(np.array(vectors[0]) - expected(TEXTS[0])).max() < 1e-5
        (kept,) = graphs_in(folder)
        assert 1000 < kept.stat().st_size < 100_000
        await engine.close()


async def test_kept_graph_is_used(folder):
    written = graphs_in(folder)[0].stat().st_mtime_ns
    engine = MiniLmEngine(folder)
    await engine.warm_up()
    await engine.close()
    assert graphs_in(folder)[0].stat().st_mtime_ns == written


async def test_other_weights_have_a_graph_of_their_own(folder):
    (folder / "model.safetensors").write_bytes(safetensors(dict(reversed(tensors().items()))))
    engine = MiniLmEngine(folder)
    (vector,) = await engine.embed([TEXTS[0]], Purpose.QUERY)
    await engine.close()
    assert np.abs(np.array(vector) - expected(TEXTS[0])).max() < 1e-5
    assert len(graphs_in(folder)) == 2


def _without(name):
    return safetensors({key: tensor for key, tensor in tensors().items() if key != name})


def _with(name, tensor):
    return safetensors(tensors() | {name: tensor})


DAMAGE = {
    "absent weights": ("model.safetensors", lambda content: None),
    "cut weights": ("model.safetensors", lambda content: content[: len(content) // 2]),
    "empty weights": ("model.safetensors", lambda content: b""),
    "garbage": ("model.safetensors", lambda content: b"\x07" * len(content)),
    "header that is no object": ("model.safetensors", lambda content: b"\x02\0\0\0\0\0\0\0[]" + content),
    "missing tensor": ("model.safetensors", lambda content: _without("embeddings.LayerNorm.bias")),
    "wrong shape": ("model.safetensors", lambda content: _with("embeddings.LayerNorm.bias", np.zeros(3, np.float32))),
    "no numbers": (
        "model.safetensors",
        lambda content: _with("embeddings.LayerNorm.bias", np.full(HIDDEN, np.nan, np.float32)),
    ),
    "garbage tokenizer": ("tokenizer.json", lambda content: b"{"),
    "absent tokenizer": ("tokenizer.json", lambda content: None),
    "another model": ("config.json", lambda content: content.replace(b'"bert"', b'"gpt2"')),
    "impossible heads": ("config.json", lambda content: content.replace(b'_heads": 2', b'_heads": 3')),
    "cut configuration": ("config.json", lambda content: content[:20]),
    "other sizes": ("config.json", lambda content: content.replace(b'"vocab_size": ', b'"vocab_size": 9')),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_damaged_model_is_one_clear_error_and_can_be_mended(folder, damage):
    name, harm = DAMAGE[damage]
    path = folder / name
    whole = path.read_bytes()
    harmed = harm(whole)
    path.unlink() if harmed is None else path.write_bytes(harmed)
    with pytest.raises(DomainError) as failure:
        await embedded_once(folder)
    assert failure.value.reason is Reason.ENGINE_FAILED
    assert "quintet models pull tiny-encoder" in failure.value.message
    assert str(folder.parent) not in failure.value.message
    path.write_bytes(whole)
    assert await embedded_once(folder)


async def embedded_once(folder):
    engine = MiniLmEngine(folder)
    try:
        return await engine.embed(["lamp"], Purpose.QUERY)
    finally:
        await engine.close()


async def test_engine_works_after_a_failed_load(folder):
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    engine = MiniLmEngine(folder)
    with pytest.raises(DomainError):
        await engine.embed(["lamp"], Purpose.QUERY)
    weights.write_bytes(whole)
    assert await engine.embed(["lamp"], Purpose.QUERY)
    await engine.close()


async def test_question_passes_the_passages_that_wait(engine):
    await engine.warm_up()
    done = []

    async def run(name, texts, purpose):
        await engine.embed(texts, purpose)
        done.append(name)

    passages = [asyncio.create_task(run(name, TEXTS * 10, Purpose.PASSAGE)) for name in ("first", "second")]
    await asyncio.sleep(0)
    await run("question", ["lamp"], Purpose.QUERY)
    await asyncio.gather(*passages)
    assert done == ["question", "first", "second"]


async def test_cancelled_passages_leave_the_engine_to_others(engine):
    await engine.warm_up()
    many = asyncio.create_task(engine.embed(TEXTS * 1000, Purpose.PASSAGE))
    await engine.embed(["lamp"], Purpose.QUERY)
    many.cancel()
    with pytest.raises(asyncio.CancelledError):
        await many
    assert len(await engine.embed(TEXTS, Purpose.PASSAGE)) == len(TEXTS)


async def test_turns_go_to_the_urgent_and_then_by_arrival():
    turns, order, release = Turns(), [], asyncio.Event()

    async def work(name, *, urgent):
        async with turns.turn(0 if urgent else 1):
            order.append(name)
            await release.wait()

    tasks = []
    for name, urgent in (("at work", False), ("a", False), ("cancelled", True), ("b", False), ("q", True), ("r", True)):
        tasks.append(asyncio.create_task(work(name, urgent=urgent)))
        await asyncio.sleep(0)
    tasks[2].cancel()
    release.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == ["at work", "q", "r", "a", "b"]


async def test_turn_that_comes_with_the_cancellation_is_passed_on():
    turns = Turns()
    first = turns.turn(1)
    await first.__aenter__()

    async def work():
        async with turns.turn(1):
            return True

    unlucky, next_one = asyncio.create_task(work()), asyncio.create_task(work())
    await asyncio.sleep(0)
    await first.__aexit__(None, None, None)
    unlucky.cancel()
    async with asyncio.timeout(5):
        assert await next_one


async def test_model_that_is_pulled_later_is_used_without_a_restart(tmp_path):
    source = InstalledEmbedding(tmp_path, "all-minilm-l6-v2")
    with pytest.raises(DomainError) as failure:
        source.current()
    assert failure.value.reason is Reason.MODEL_NOT_INSTALLED
    assert failure.value.metadata["remedy"] == "quintet models pull all-minilm-l6-v2"
    place_of_catalogue(tmp_path)
    engine = source.current()
    assert (engine.info().kind, engine.dimensions, engine.info().loaded) == (EngineKind.NEURAL, 384, False)
    assert source.current() is engine
    await source.close()


def place_of_catalogue(models_dir):
    """Puts files of the right names and sizes there, and a configuration that can be read."""
    sizes = {"hidden_size": 384, "num_attention_heads": 12, "num_hidden_layers": 6, "intermediate_size": 1536}
    config = {"model_type": "bert", "hidden_act": "gelu", "max_position_embeddings": 512, "vocab_size": 30522} | sizes
    model = load_catalogue().find("all-minilm-l6-v2")
    for file in model.files:
        path = models_dir / model.name / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps(config).ljust(file.size).encode() if path.name == "config.json" else b""
        with path.open("wb") as sink:
            sink.write(content)
            sink.truncate(file.size)


@pytest.fixture
async def minilm():
    """The real model, as `quintet models pull` has put it into the default folder."""
    folder = installed(default_data_dir() / "models", "all-minilm-l6-v2")
    if folder is None:
        pytest.skip("all-minilm-l6-v2 is not installed; `quintet models pull all-minilm-l6-v2`")
    engine = MiniLmEngine(folder)
    yield engine
    await engine.close()


@pytest.mark.knowledge
async def test_real_model_tells_related_from_unrelated(minilm):
    question, near, far = np.array(
        await minilm.embed(
            ["How do I bake bread?", "The oven must be hot before the loaf goes in.", "The train leaves at nine."],
            Purpose.PASSAGE,
        )
    )
    assert minilm.dimensions == len(question) == 384
    assert question @ near > 0.5
    assert question @ far < 0.2


@pytest.mark.knowledge
async def test_real_model_gives_the_same_alone_and_together(minilm):
    texts = [" ".join(TEXTS[: number % 6 + 1] * (number % 4 + 1)) for number in range(20)]
    together = np.array(await minilm.embed(texts, Purpose.PASSAGE))
    alone = np.array([(await minilm.embed([text], Purpose.QUERY))[0] for text in texts])
    assert np.abs(together - alone).max() < 1e-5
