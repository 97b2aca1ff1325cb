"""The graph of a MiniLM sentence encoder, made from the files that its publisher ships.

The graph holds no weights: it says where in the safetensors file each of them lies. So it takes 30 KB and a tenth of a
second, and the file with the weights is mapped into memory and not copied. Run as a program it writes the graph of a
folder to standard output, because the library that makes it would stay in the memory of the service.
"""

import json
import math
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRAPH_VERSION = 1
"""Part of the name under which a graph is kept; raised with every change of what this module makes."""
WEIGHTS_FILE = "model.safetensors"
_LARGEST_HEADER = 4 << 20
_BYTES_OF_F32 = 4


@dataclass(frozen=True)
class Config:
    """The shape of an encoder, as its `config.json` has it."""

    hidden: int
    heads: int
    layers: int
    intermediate: int
    positions: int
    vocabulary: int
    epsilon: float


@dataclass(frozen=True)
class Weight:
    """Where a tensor of 32-bit floats lies in the file: `offset` and `length` in bytes."""

    shape: tuple[int, ...]
    offset: int
    length: int


def read_config(folder: Path) -> Config:
    """Reads the shape of an encoder.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it does not describe an encoder of this family.
    """
    found = json.loads((folder / "config.json").read_text("utf-8"))
    if not isinstance(found, dict) or found.get("model_type") != "bert" or found.get("hidden_act") != "gelu":
        raise ValueError("config.json does not describe a BERT encoder with GELU")
    config = Config(
        hidden=_size(found, "hidden_size"),
        heads=_size(found, "num_attention_heads"),
        layers=_size(found, "num_hidden_layers"),
        intermediate=_size(found, "intermediate_size"),
        positions=_size(found, "max_position_embeddings"),
        vocabulary=_size(found, "vocab_size"),
        epsilon=float(found.get("layer_norm_eps", 1e-12)),
    )
    if config.hidden % config.heads:
        raise ValueError("config.json has a width that its heads cannot share")
    return config


def _size(found: Mapping[str, Any], name: str) -> int:
    size = found.get(name)
    if not isinstance(size, int) or not 0 < size < 1_000_000:
        raise ValueError(f"config.json has no usable {name}")
    return size


def read_weights(path: Path) -> dict[str, Weight]:
    """Reads which tensors a safetensors file has and where they lie.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = struct.unpack("<Q", stream.read(8).ljust(8, b"\xff"))[0]
        if length > min(size - 8, _LARGEST_HEADER):
            raise ValueError(f"{path.name} is cut off or no safetensors file")
        header = json.loads(stream.read(length))
    if not isinstance(header, dict):
        raise ValueError(f"{path.name} has no table of tensors")  # noqa: TRY004 - damage is one kind of error
    found = {name: _weight(entry, 8 + length) for name, entry in header.items() if _is_float(entry)}
    if any(weight.offset + weight.length > size for weight in found.values()):
        raise ValueError(f"{path.name} is cut off")
    return found


def _is_float(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("dtype") == "F32"


def _weight(entry: Mapping[str, Any], start: int) -> Weight:
    try:
        shape = tuple(int(size) for size in entry["shape"])
        begin, end = (int(offset) for offset in entry["data_offsets"])
    except (KeyError, TypeError) as error:
        raise ValueError("a tensor has no shape or place") from error
    if begin < 0 or end - begin != _BYTES_OF_F32 * math.prod(shape):
        raise ValueError("a tensor is not as long as its shape says")
    return Weight(shape, start + begin, end - begin)


def build_graph(folder: Path) -> bytes:
    """Returns the graph in ONNX's format: `input_ids` and `attention_mask` to `embedding`, all with a batch axis.

    Raises:
        OSError: if a file cannot be read.
        ValueError: if a file is damaged, or a tensor is missing.
    """
    return _Graph(read_config(folder), read_weights(folder / WEIGHTS_FILE)).build()


class _Graph:
    """Collects nodes and tensors while the encoder is written down from its input to its output."""

    def __init__(self, config: Config, weights: Mapping[str, Weight]) -> None:
        from onnx import TensorProto, helper  # noqa: PLC0415 - only whoever builds needs the library

        self._config = config
        self._weights = weights
        self._helper = helper
        self._types = TensorProto
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []

    def build(self) -> bytes:
        """Returns the whole graph."""
        integer, number = self._types.INT64, self._types.FLOAT
        hidden = self._encoded(self._op("Cast", "attention_mask", to=number))
        self._pooled(hidden, self._op("Cast", "attention_mask", to=number))
        describe = self._helper.make_tensor_value_info
        inputs = [describe(name, integer, ["batch", "tokens"]) for name in ("input_ids", "attention_mask")]
        outputs = [describe("embedding", number, ["batch", self._config.hidden])]
        graph = self._helper.make_graph(self._nodes, "minilm", inputs, outputs, self._tensors)
        model = self._helper.make_model(graph, opset_imports=[self._helper.make_opsetid("", 17)], ir_version=8)
        content: bytes = model.SerializeToString()
        return content

    def _encoded(self, mask: str) -> str:
        hidden = self._embedded()
        # Added to the weight of a token that only fills up, so that nobody looks at it.
        absent = self._op("Sub", self._numbers(1.0), self._op("Unsqueeze", mask, self._integers(1, 2)))
        ignored = self._op("Mul", absent, self._numbers(-10_000.0))
        for number in range(self._config.layers):
            hidden = self._layer(hidden, ignored, f"encoder.layer.{number}")
        return hidden

    def _embedded(self) -> str:
        config, width = self._config, self._config.hidden
        words = self._weight("embeddings.word_embeddings.weight", config.vocabulary, width)
        places = self._weight("embeddings.position_embeddings.weight", config.positions, width)
        kinds = self._weight("embeddings.token_type_embeddings.weight", 2, width)
        start, step = self._integer(0), self._integer(1)
        length = self._op("Gather", self._op("Shape", "input_ids"), step)
        place = self._op("Gather", places, self._op("Range", start, length, step))
        meaning = self._op("Add", self._op("Gather", words, "input_ids"), self._op("Gather", kinds, start))
        return self._normal(self._op("Add", meaning, place), "embeddings.LayerNorm")

    def _layer(self, hidden: str, ignored: str, name: str) -> str:
        width, wide = self._config.hidden, self._config.intermediate
        seen = self._linear(self._attention(hidden, ignored, name), f"{name}.attention.output.dense", width, width)
        hidden = self._normal(self._op("Add", seen, hidden), f"{name}.attention.output.LayerNorm")
        inner = self._gelu(self._linear(hidden, f"{name}.intermediate.dense", width, wide))
        outer = self._linear(inner, f"{name}.output.dense", wide, width)
        return self._normal(self._op("Add", outer, hidden), f"{name}.output.LayerNorm")

    def _attention(self, hidden: str, ignored: str, name: str) -> str:
        config = self._config
        size = config.hidden // config.heads

        def heads(part: str, order: Sequence[int]) -> str:
            flat = self._linear(hidden, f"{name}.attention.self.{part}", config.hidden, config.hidden)
            parted = self._op("Reshape", flat, self._integers(0, 0, config.heads, size))
            return self._op("Transpose", parted, perm=order)

        query = self._op("Mul", heads("query", [0, 2, 1, 3]), self._numbers(size**-0.5))
        scores = self._op("Add", self._op("MatMul", query, heads("key", [0, 2, 3, 1])), ignored)
        seen = self._op("MatMul", self._op("Softmax", scores, axis=-1), heads("value", [0, 2, 1, 3]))
        joined = self._op("Transpose", seen, perm=[0, 2, 1, 3])
        return self._op("Reshape", joined, self._integers(0, 0, config.hidden))

    def _pooled(self, hidden: str, mask: str) -> None:
        """Averages over the tokens that are text, and brings the average to length 1."""
        tokens, numbers = self._integers(1), self._integers(-1)
        total = self._op("ReduceSum", self._op("Mul", hidden, self._op("Unsqueeze", mask, numbers)), tokens, keepdims=0)
        mean = self._op("Div", total, self._op("ReduceSum", mask, tokens, keepdims=1))
        length = self._op("Sqrt", self._op("ReduceSum", self._op("Mul", mean, mean), numbers, keepdims=1))
        safe = self._op("Max", length, self._numbers(1e-9))
        self._nodes.append(self._helper.make_node("Div", [mean, safe], ["embedding"]))

    def _linear(self, value: str, name: str, inputs: int, outputs: int) -> str:
        # The runtime transposes once, when it loads the graph.
        matrix = self._op("Transpose", self._weight(f"{name}.weight", outputs, inputs), perm=[1, 0])
        return self._op("Add", self._op("MatMul", value, matrix), self._weight(f"{name}.bias", outputs))

    def _normal(self, value: str, name: str) -> str:
        width = self._config.hidden
        scale, shift = self._weight(f"{name}.weight", width), self._weight(f"{name}.bias", width)
        return self._op("LayerNormalization", value, scale, shift, axis=-1, epsilon=self._config.epsilon)

    def _gelu(self, value: str) -> str:
        share = self._op("Add", self._op("Erf", self._op("Mul", value, self._numbers(0.5**0.5))), self._numbers(1.0))
        return self._op("Mul", self._op("Mul", value, share), self._numbers(0.5))

    def _op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{kind}_{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def _integer(self, value: int) -> str:
        return self._constant(self._types.INT64, [], [value])

    def _integers(self, *values: int) -> str:
        return self._constant(self._types.INT64, [len(values)], values)

    def _numbers(self, value: float) -> str:
        return self._constant(self._types.FLOAT, [], [value])

    def _constant(self, kind: int, shape: Sequence[int], values: Sequence[float]) -> str:
        name = f"constant_{len(self._tensors)}"
        self._tensors.append(self._helper.make_tensor(name, kind, shape, values))
        return name

    def _weight(self, name: str, *shape: int) -> str:
        weight = self._weights.get(name)
        if weight is None or weight.shape != shape:
            raise ValueError(f"{WEIGHTS_FILE} lacks the tensor {name} of the shape that config.json implies")
        tensor = self._types(name=name, data_type=self._types.FLOAT, dims=shape, data_location=self._types.EXTERNAL)
        places = {"location": WEIGHTS_FILE, "offset": weight.offset, "length": weight.length}
        for key, value in places.items():
            tensor.external_data.add(key=key, value=str(value))
        self._tensors.append(tensor)
        return name


def main(arguments: Sequence[str]) -> int:
    """Writes the graph of the folder named; returns 1, after one sentence on standard error, if it cannot be made."""
    try:
        graph = build_graph(Path(arguments[0]))
    except OSError as error:
        sys.stderr.write(f"{WEIGHTS_FILE}: {error.strerror}\n")
        return 1
    except (ValueError, RecursionError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(graph)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
