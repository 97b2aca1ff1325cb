"""Speech and a speech model that the tests make themselves: no download, no program of the system."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from ctranslate2.specs import whisper_spec
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from quintet.stt.v1 import stt_service_pb2 as pb
from quintet.stt.v1 import stt_service_pb2_grpc as rpc
from quintet_audio.decode import Recording, decode_speech
from quintet_engines import EngineSlots
from quintet_rpc.uploads import UploadMemory
from quintet_stt.admission import Lanes
from quintet_stt.engine import SttEngine
from quintet_stt.servicer import SttServicer
from quintet_stt.settings import SttSettings
from quintet_stt.streaming.desk import ConversationDesk
from quintet_testing import serve

sys.path.insert(0, str(Path(__file__).parent))

from stt_talk import Talk

HIDDEN = 64
TEXT = ("Ġhello", "Ġworld", "Ġfrom", "Ġthe", "Ġtiny", "Ġmodel")
LANGUAGES = ("en", "de", "zh", "jw")
SPECIAL = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")

# Runs in a process of its own: espeak-ng is one instance a process, and its licence stays there too.
_SPEAK = """
import ctypes, sys, wave, espeakng_loader
library = ctypes.CDLL(espeakng_loader.get_library_path())
rate = library.espeak_Initialize(2, 200, espeakng_loader.get_data_path().encode(), 0x8000)
pcm = bytearray()
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
def keep(samples, count, events):
    if samples and count:
        pcm.extend(ctypes.string_at(samples, count * 2))
    return 0
library.espeak_SetSynthCallback(keep)
library.espeak_SetVoiceByName(sys.argv[3].encode())
text = sys.argv[2].encode() + b"\\0"
library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 1, 0, 1, None, None)
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((1, 2, rate, 0, "NONE", ""))
    file.writeframes(bytes(pcm))
"""


@pytest.fixture(scope="session")
def speech_wav(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A WAV file with about two seconds of synthetic speech."""
    return speak(tmp_path_factory.mktemp("speech") / "speech.wav", "turn on the kitchen lights", "en-us")


@pytest.fixture(scope="session")
def hindi_speech(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    path = tmp_path_factory.mktemp("speech") / "hindi.wav"
    wav = speak(path, "नमस्ते, आज मौसम कैसा है? मुझे कल सुबह दिल्ली जाना है।", "hi")
    return decode_speech(wav, max_seconds=60)


def speak(path: Path, text: str, voice: str) -> bytes:
    subprocess.run([sys.executable, "-c", _SPEAK, str(path), text, voice], check=True, timeout=60)
    return path.read_bytes()


@pytest.fixture(scope="session")
def speech(speech_wav: bytes) -> Recording:
    return decode_speech(speech_wav, max_seconds=60)


Talking = Callable[..., AbstractAsyncContextManager[Callable[..., Talk]]]


@pytest.fixture
def talking() -> Talking:
    """Serves an engine, and gives what opens a stream to it."""

    @asynccontextmanager
    async def serve_engine(engine: SttEngine, **changed: object) -> AsyncIterator[Callable[..., Talk]]:
        settings = SttSettings(**changed)
        lanes = Lanes(EngineSlots(settings.slots, settings.waiting), EngineSlots(1, 0), 60)
        desk = ConversationDesk(
            engine,
            lanes,
            most=settings.streams,
            interim_every_s=settings.interim_seconds,
            stalled_reader_s=settings.stalled_reader_s,
        )
        servicer = SttServicer(engine, lanes, UploadMemory(32 << 20), 60, desk)

        def register(server):
            rpc.add_SttServiceServicer_to_server(servicer, server)
            return [pb.DESCRIPTOR.services_by_name["SttService"]]

        async with serve(register) as channel:
            await asyncio.gather(engine.load(), desk.load())
            stub = rpc.SttServiceStub(channel)
            try:
                yield lambda **config: Talk(stub, pb.StreamingTranscribeConfig(**config))
            finally:
                servicer.close()
                await engine.close()

    return serve_engine


@pytest.fixture(scope="session")
def long_speech(speech: Recording) -> Recording:
    """About 18 s: the same words again and again, with pauses."""
    pause = np.zeros(12_000, np.float32)
    return Recording(np.tile(np.concatenate([speech.samples, pause]), 9), 16_000, "wav")


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper that says the words of TEXT whatever it hears."""
    return make_whisper(tmp_path_factory.mktemp("models") / "tiny-whisper", TEXT)


@pytest.fixture(scope="session")
def looping_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper that says one word over and over, as real ones do on noise."""
    return make_whisper(tmp_path_factory.mktemp("models") / "looping-whisper", TEXT[:1] * 40)


@pytest.fixture(scope="session")
def guessing_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper that takes everything for German, and is not sure of that."""
    folder = tmp_path_factory.mktemp("models") / "guessing-whisper"
    return make_whisper(folder, TEXT, languages={"en": 0.24, "de": 0.4, "zh": 0.06, "jw": 0.3})


@pytest.fixture(scope="session")
def doubtful_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper that hears no English, is not sure of what it hears instead, and not of its words either."""
    folder = tmp_path_factory.mktemp("models") / "doubtful-whisper"
    return make_whisper(folder, TEXT, languages={"en": 0.05, "de": 0.45, "zh": 0.1, "jw": 0.4}, sureness=0.45)


def make_whisper(
    folder: Path, says: tuple[str, ...], *, languages: dict[str, float] | None = None, sureness: float = 1
) -> Path:
    """Writes a real Whisper in CTranslate2's format whose decoder is steered by its position table alone.

    It finds `languages` with these probabilities, English without them, and gives each of its words `sureness`.
    """
    vocabulary = _vocabulary()
    spec = whisper_spec.WhisperSpec(1, 1, 1, 1)
    _fill_layers(spec)
    spec.encoder.position_encodings.encodings = np.zeros((1500, HIDDEN), np.float32)
    embeddings = np.random.default_rng(5).normal(0, 1, (len(vocabulary), HIDDEN)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    spec.decoder.embeddings.weight = embeddings * 4
    spec.decoder.projection.weight = embeddings * 4
    positions = _positions(vocabulary, embeddings, says)
    if languages:
        spoken = {vocabulary.index(f"<|{code}|>"): share for code, share in languages.items()}
        positions[0] = _towards(embeddings, spoken)
    if sureness < 1:
        for position, word in enumerate(says, 3):
            others = [other for other in TEXT if other != word][:2]
            shares = {word: sureness, **dict.fromkeys(others, (1 - sureness) / 2)}
            positions[position] = _towards(embeddings, {vocabulary.index(one): shares[one] for one in shares})
    spec.decoder.position_encodings.encodings = positions
    spec.config.suppress_ids = spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [vocabulary.index(f"<|{code}|>") for code in LANGUAGES]
    spec.config.alignment_heads = [[0, 0]]
    spec.register_vocabulary(vocabulary)
    spec.validate()
    spec.optimize()
    folder.mkdir()
    spec.save(str(folder))
    _tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    return folder


def _vocabulary() -> list[str]:
    # The empty word tells CTranslate2 that the model knows several languages.
    marks = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in LANGUAGES)]
    times = [f"<|{number * 0.02:.2f}|>" for number in range(1501)]
    symbols = [*"-'\"#()*+/:;<=>@[\\]^_`{|}~「」『』♩♪♫♬♭♮♯"]
    return ["", *TEXT, "Ġ", *symbols, *marks, *(f"<|{name}|>" for name in SPECIAL), *times]


def _positions(vocabulary: list[str], embeddings: np.ndarray, says: tuple[str, ...]) -> np.ndarray:
    """The prompt has four pieces, so the fourth position (number 3) leads to the first word."""
    table = np.zeros((448, HIDDEN), np.float32)
    words = [*says, *(["<|endoftext|>"] * (448 - len(says)))]
    for position in range(3, 448):
        table[position] = embeddings[vocabulary.index(words[position - 3])] * 20
    # Position 0 is where the language is read off.
    table[0] = embeddings[vocabulary.index("<|en|>")] * 20
    return table


def _towards(embeddings: np.ndarray, shares: dict[int, float]) -> np.ndarray:
    """Returns a position that leads to each of some pieces with its share of the probability; they sum up to 1."""
    rows = embeddings[list(shares)]
    inverse = np.linalg.pinv(4 * (rows - rows.mean(axis=1, keepdims=True)))
    apart, together = inverse @ np.log(list(shares.values())), inverse.sum(axis=1)
    # The last layer brings every position to this length, so that all pieces must be as near as it allows.
    height = np.roots([together @ together, 2 * apart @ together, apart @ apart - HIDDEN]).max()
    return 2_000 * (apart + height * together)


def _fill_layers(spec: whisper_spec.WhisperSpec) -> None:
    for conv, inputs in ((spec.encoder.conv1, 80), (spec.encoder.conv2, HIDDEN)):
        conv.weight = np.full((HIDDEN, inputs, 3), 0.01, np.float32)
        conv.bias = np.zeros(HIDDEN, np.float32)
    for layer in (*spec.encoder.layer, *spec.decoder.layer):
        _fill_attention(layer.self_attention, (3 * HIDDEN, HIDDEN))
        if hasattr(layer, "attention"):
            _fill_attention(layer.attention, (HIDDEN, 2 * HIDDEN, HIDDEN))
        _fill_norm(layer.ffn.layer_norm)
        _fill_linear(layer.ffn.linear_0, 4 * HIDDEN, HIDDEN)
        _fill_linear(layer.ffn.linear_1, HIDDEN, 4 * HIDDEN)
    _fill_norm(spec.encoder.layer_norm)
    _fill_norm(spec.decoder.layer_norm)


def _fill_attention(attention: object, sizes: tuple[int, ...]) -> None:
    _fill_norm(attention.layer_norm)
    for linear, size in zip(attention.linear, sizes, strict=True):
        _fill_linear(linear, size, HIDDEN)


def _fill_linear(linear: object, rows: int, columns: int) -> None:
    linear.weight = np.zeros((rows, columns), np.float32)
    linear.bias = np.zeros(rows, np.float32)


def _fill_norm(norm: object) -> None:
    norm.gamma = np.ones(HIDDEN, np.float32)
    norm.beta = np.zeros(HIDDEN, np.float32)


def _tokenizer(vocabulary: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(vocabulary)}, unk_token="Ġ"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    first_mark = vocabulary.index("<|endoftext|>")
    tokenizer.add_special_tokens([word for word in vocabulary[first_mark:] if not word.startswith("<|0.")])
    return tokenizer
