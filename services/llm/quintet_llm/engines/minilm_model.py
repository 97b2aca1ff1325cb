"""A MiniLM sentence encoder in memory. Everything here blocks and belongs to one thread."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from quintet_llm.engines.minilm_errors import unusable
from quintet_llm.engines.minilm_onnx import GRAPH_VERSION, WEIGHTS_FILE, read_config, read_weights
from quintet_observability import get_logger

# Read when the tokenizer's library is loaded: one thread is enough for a batch, and its pool would stay for ever.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
from tokenizers import Tokenizer

_log = get_logger(__name__)
_MOST_TOKENS = 256
"""What the encoder was trained with; more would be read, but not understood better."""
_BUILD_S = 60.0
_ERRORS_ONLY = 3


class MiniLmModel:
    """Tokenizer and network of one model folder."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Loads everything.

        Raises:
            DomainError: ENGINE_FAILED if a file is missing or damaged.
        """
        self._folder = folder
        try:
            self._tokenizer = _read_tokenizer(folder)
            self._session = _open(folder, threads)
            self._run(["one", "a second text of another length"])
        except Exception as error:  # both libraries raise bare exceptions
            raise unusable(folder, error) from error

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns one vector of length 1 a text.

        Raises:
            DomainError: ENGINE_FAILED if the network gives no numbers, as damaged weights do.
        """
        try:
            return self._run(texts)
        except ValueError as error:
            raise unusable(self._folder, error) from error

    def _run(self, texts: Sequence[str]) -> list[list[float]]:
        encoded = self._tokenizer.encode_batch(list(texts))
        inputs = {
            "input_ids": np.array([one.ids for one in encoded], np.int64),
            "attention_mask": np.array([one.attention_mask for one in encoded], np.int64),
        }
        vectors: np.ndarray = self._session.run(["embedding"], inputs)[0]
        if not np.isfinite(vectors).all():
            raise ValueError("it gives no numbers")
        found: list[list[float]] = vectors.tolist()
        return found


def _read_tokenizer(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(min(_MOST_TOKENS, read_config(folder).positions))
    # Up to the longest text of the batch; the file may ask for a fixed length.
    tokenizer.enable_padding()
    return tokenizer


def _open(folder: Path, threads: int) -> onnxruntime.InferenceSession:
    read_weights(folder / WEIGHTS_FILE)
    kept = _place_of_graph(folder)
    if kept.is_file():
        try:
            return _session(kept.read_bytes(), folder, threads)
        except Exception as error:  # noqa: BLE001 - the runtime has no exception of its own
            _log.warning("embedding_graph_rebuilt", model=folder.name, error=type(error).__name__)
    graph = _build(folder)
    _keep(graph, kept)
    return _session(graph, folder, threads)


def _session(graph: bytes, folder: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Threads that wait in a loop for the next text would take the processor from speech and pictures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _place_of_graph(folder: Path) -> Path:
    with (folder / WEIGHTS_FILE).open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        digest = hashlib.sha256(stream.read(length) + (folder / "config.json").read_bytes()).hexdigest()
    return folder / f"graph-v{GRAPH_VERSION}-{digest[:16]}.onnx"


def _build(folder: Path) -> bytes:
    # In a process of its own: the library that makes graphs would stay in memory for the sake of one call.
    command = [sys.executable, "-m", "quintet_llm.engines.minilm_onnx", str(folder)]
    done = subprocess.run(  # noqa: S603 - every part is our own
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_BUILD_S, check=False
    )
    if done.returncode or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(said[-1] if said else f"its graph could not be built, code {done.returncode}")
    return done.stdout


def _keep(graph: bytes, place: Path) -> None:
    try:
        descriptor, unfinished = tempfile.mkstemp(dir=place.parent, prefix=".graph-")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(graph)
        Path(unfinished).chmod(0o644)
        Path(unfinished).replace(place)
    except OSError as error:
        # A folder that cannot be written to costs the building at every load, and nothing else.
        _log.info("embedding_graph_not_kept", error=type(error).__name__)
