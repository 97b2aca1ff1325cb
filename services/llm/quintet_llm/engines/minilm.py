"""The neural embedding engine: all-MiniLM-L6-v2 through ONNX Runtime, on the processor."""

import asyncio
import ctypes
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from quintet_engines import EngineInfo, EngineKind, IdleUnloader, Limitation, Turns
from quintet_llm.embedding_engine import Purpose, Vector
from quintet_llm.engines.minilm_errors import unusable
from quintet_llm.engines.minilm_onnx import read_config

if TYPE_CHECKING:
    from quintet_llm.engines.minilm_model import MiniLmModel

ResultT = TypeVar("ResultT")

NAME = "minilm"
BATCH = 8
"""Texts that the network reads together: more are no faster, and questions wait for the batch at work."""
_RANKS = {Purpose.QUERY: 0, Purpose.PASSAGE: 1}


class MiniLmEngine:
    """An encoder from a folder of files, in memory only while it is used.

    One thread does all the work, a batch at a time, so passages let questions pass between two batches.
    """

    def __init__(self, folder: Path, *, threads: int = 2, idle_unload_s: float = 0) -> None:
        """Reads the length of the vectors; the weights are loaded at first use.

        Raises:
            DomainError: ENGINE_FAILED if the folder holds no readable configuration.
        """
        self._folder = folder
        self._threads = threads
        self._dimensions = _hidden_size(folder)
        self._model: MiniLmModel | None = None
        self._turns = Turns()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minilm")
        self._idle = IdleUnloader(idle_unload_s, self._unload)

    @property
    def dimensions(self) -> int:
        """Length of the vectors."""
        return self._dimensions

    def info(self) -> EngineInfo:
        """Describes the engine."""
        name = self._folder.name
        return EngineInfo(
            name=NAME,
            kind=EngineKind.NEURAL,
            model=name,
            choice_reason=f"{name} is installed.",
            languages=("en",),
            capabilities=("embeddings",),
            limitations=(
                Limitation("languages", f"{name} knows English; other languages are found by their words."),
                Limitation("length", "Of a text it reads about the first 200 words."),
            ),
            loaded=self._model is not None,
        )

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> list[Vector]:
        """Embeds batch by batch, texts of like length together."""
        vectors: dict[int, Vector] = {}
        with self._idle.in_use():
            for batch in _batches(texts):
                async with self._turns.turn(_RANKS[purpose]):
                    found = await self._in_worker(partial(self._embed, [texts[index] for index in batch]))
                vectors.update(zip(batch, found, strict=True))
        return [vectors[index] for index in range(len(texts))]

    async def warm_up(self) -> None:
        """Brings the model into memory."""
        with self._idle.in_use():
            async with self._turns.turn(_RANKS[Purpose.QUERY]):
                await self._in_worker(self._load)

    async def close(self) -> None:
        """Ends the thread and gives the memory back."""
        await self._idle.close()
        await self._unload()
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        return self._load().embed(texts)

    def _load(self) -> "MiniLmModel":
        if self._model is None:
            # Imported in the worker: numpy and the runtime take memory that a service without documents can spare.
            from quintet_llm.engines.minilm_model import MiniLmModel  # noqa: PLC0415

            self._model = MiniLmModel(self._folder, self._threads)
        return self._model

    async def _unload(self) -> None:
        await self._in_worker(self._forget)

    def _forget(self) -> None:
        if self._model is not None:
            self._model = None
            _return_free_memory()

    async def _in_worker(self, work: Callable[[], ResultT]) -> ResultT:
        return await asyncio.wrap_future(self._worker.submit(work))


def _hidden_size(folder: Path) -> int:
    try:
        return read_config(folder).hidden
    except (OSError, ValueError) as error:
        raise unusable(folder, error) from error


def _batches(texts: Sequence[str]) -> Iterator[Sequence[int]]:
    """Yields the places of texts, so that a batch holds texts of like length and little is filled up."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(order), BATCH):
        yield order[start : start + BATCH]


def _return_free_memory() -> None:
    """Hands freed memory to the system: glibc keeps it for later, and later may never come."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
