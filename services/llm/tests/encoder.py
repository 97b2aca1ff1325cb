"""A tiny sentence encoder with the files of a real one, and what it must compute, worked out with numpy alone."""

import json
import math
import struct
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

HIDDEN, HEADS, LAYERS, INNER, POSITIONS = 8, 2, 2, 16, 32
WORDS = ("the", "lamp", "is", "lit", "at", "night", "bread", "needs", "salt", "and", "water", *"abcdefgh")
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
EPSILON = 1e-12


def make_encoder(folder: Path) -> Path:
    """Writes `config.json`, `tokenizer.json` and `model.safetensors`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(_config()))
    _tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "model.safetensors").write_bytes(safetensors(tensors()))
    return folder


def _config() -> dict[str, object]:
    return {
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "intermediate_size": INNER,
        "max_position_embeddings": POSITIONS,
        "vocab_size": len(VOCABULARY),
        "layer_norm_eps": EPSILON,
    }


def _tokenizer() -> Tokenizer:
    numbers = {word: number for number, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    # As the real file has it: a fixed length, which the engine must replace.
    tokenizer.enable_padding(length=20)
    tokenizer.enable_truncation(10)
    return tokenizer


def tensors() -> dict[str, np.ndarray]:
    """Returns the weights, the same at each call."""
    random = np.random.default_rng(11)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(0, 0.5, shape).astype(np.float32)

    found = {
        "embeddings.word_embeddings.weight": normal(len(VOCABULARY), HIDDEN),
        "embeddings.position_embeddings.weight": normal(POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": normal(2, HIDDEN),
    }
    shapes = {"attention.self.query": (HIDDEN, HIDDEN), "attention.self.key": (HIDDEN, HIDDEN)}
    shapes |= {"attention.self.value": (HIDDEN, HIDDEN), "attention.output.dense": (HIDDEN, HIDDEN)}
    shapes |= {"intermediate.dense": (INNER, HIDDEN), "output.dense": (HIDDEN, INNER)}
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}"
        norms += [f"{prefix}.attention.output.LayerNorm", f"{prefix}.output.LayerNorm"]
        for name, (outputs, inputs) in shapes.items():
            found[f"{prefix}.{name}.weight"] = normal(outputs, inputs)
            found[f"{prefix}.{name}.bias"] = normal(outputs)
    for name in norms:
        found[f"{name}.weight"], found[f"{name}.bias"] = 1 + normal(HIDDEN), normal(HIDDEN)
    return found


def safetensors(content: dict[str, np.ndarray]) -> bytes:
    """Writes the format: length of the header, header, tensors."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, tensor in content.items():
        raw = tensor.tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def expected(text: str) -> np.ndarray:
    """Computes the vector of one text, token by token as the papers have it."""
    words = text.lower().split()
    numbers = [2, *(VOCABULARY.index(word) if word in VOCABULARY else 1 for word in words), 3]
    weights = {name: tensor.astype(np.float64) for name, tensor in tensors().items()}
    x = weights["embeddings.word_embeddings.weight"][numbers]
    x = x + weights["embeddings.position_embeddings.weight"][: len(numbers)]
    x = _norm(x + weights["embeddings.token_type_embeddings.weight"][0], weights, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        x = _layer(x, weights, f"encoder.layer.{layer}")
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


def _layer(x: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    query, key, value = (_linear(x, weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
    size = HIDDEN // HEADS
    seen = np.zeros_like(x)
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        scores = query[:, part] @ key[:, part].T / math.sqrt(size)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        seen[:, part] = shares / shares.sum(axis=1, keepdims=True) @ value[:, part]
    x = _norm(
        _linear(seen, weights, f"{name}.attention.output.dense") + x, weights, f"{name}.attention.output.LayerNorm"
    )
    inner = _linear(x, weights, f"{name}.intermediate.dense")
    inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
    return _norm(_linear(inner, weights, f"{name}.output.dense") + x, weights, f"{name}.output.LayerNorm")


def _linear(x: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _norm(x: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    centred = x - x.mean(axis=1, keepdims=True)
    even = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + EPSILON)
    return even * weights[f"{name}.weight"] + weights[f"{name}.bias"]
