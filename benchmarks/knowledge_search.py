"""Search among 10,000 and 100,000 chunks through the real session service; bar: p95 under 60 ms with 10,000.

The chunks are synthetic: 384 numbers around one of 200 centres, and 120 words whose frequencies fall as those of a
language do. One query in two asks for rare words, the other one for some of the most frequent ones too.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.processes import free_port, started, wait_for_port
from quintet.knowledge.v1 import knowledge_service_pb2 as pb
from quintet.knowledge.v1 import knowledge_service_pb2_grpc as rpc
from quintet_rpc.channel import create_channel

_SIZES = (10_000, 100_000)
_QUERIES = 200
_CHUNKS_A_DOCUMENT = 50
_WORDS_A_CHUNK = 120
_VOCABULARY = 30_000
_DIMENSIONS = 384
_MODEL = "synthetic"


class Corpus:
    """Makes the same documents each time."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)
        self._words = ["".join(map(chr, self._random.integers(97, 123, 7))) for _ in range(_VOCABULARY)]
        shares = 1 / np.arange(10, _VOCABULARY + 10)
        self._limits = np.cumsum(shares / shares.sum())
        self._centres = self._random.standard_normal((200, _DIMENSIONS))

    def text(self, words: int) -> str:
        """Returns words as frequent as those of a language."""
        numbers = np.searchsorted(self._limits, self._random.random(words))
        return " ".join(self._words[min(number, _VOCABULARY - 1)] for number in numbers)

    def rare_text(self, words: int) -> str:
        """Returns words that stand in few chunks."""
        return " ".join(self._words[number] for number in self._random.integers(500, _VOCABULARY, words))

    def vector(self) -> NDArray[np.float64]:
        """Returns a vector of length 1."""
        vector = self._centres[self._random.integers(200)] + 0.7 * self._random.standard_normal(_DIMENSIONS)
        return vector / np.linalg.norm(vector)

    def chunks(self, count: int) -> list[pb.Chunk]:
        """Returns chunks of one document."""
        return [
            pb.Chunk(text=self.text(_WORDS_A_CHUNK), heading=self.rare_text(3), vector=self.vector())
            for _ in range(count)
        ]


def main() -> None:
    """Prints the rate of insertion, the first search, the percentiles of the others, and other calls meanwhile."""
    for size in _SIZES:
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            environment = {
                "QUINTET_SESSION_LISTEN_ADDR": f"127.0.0.1:{port}",
                "QUINTET_SESSION_DATA_DIR": folder,
                "QUINTET_SESSION_LOG_LEVEL": "warning",
            }
            with started("quintet_session", [], environment) as process:
                wait_for_port(port)
                asyncio.run(_measure(port, size))
                size_mib = (Path(folder) / "quintet.db").stat().st_size >> 20
                print(f"  database {size_mib} MiB, process {process.memory_info().rss >> 20} MiB")


async def _measure(port: int, size: int) -> None:
    corpus = Corpus()
    async with create_channel(f"127.0.0.1:{port}") as channel:
        stub = rpc.KnowledgeServiceStub(channel)
        await channel.channel_ready()
        added_s, commit_s = await _build(stub, corpus, size)
        print(f"{size} chunks: added {size / added_s:.0f} chunks/s, commit {1000 * commit_s:.0f} ms")
        first_s = await _time(stub, pb.SearchRequest(query="first", vector=corpus.vector(), embedding_model=_MODEL))
        print(f"  first search, which loads the vectors: {1000 * first_s:.0f} ms")
        for name, queries in _queries(corpus):
            times = sorted([await _time(stub, query) for query in queries])
            middle, last = times[len(times) // 2], times[int(0.95 * len(times))]
            print(f"  {name}: p50 {1000 * middle:.1f} ms, p95 {1000 * last:.1f} ms")


async def _build(stub: rpc.KnowledgeServiceStub, corpus: Corpus, size: int) -> tuple[float, float]:
    begun = await stub.BeginBuild(pb.BeginBuildRequest(collection="benchmark", embedding_model=_MODEL))
    added_s = 0.0
    for number in range(size // _CHUNKS_A_DOCUMENT):
        document = pb.Document(source=f"{number:06}.txt", digest=str(number), attributes={"type": "text"})
        request = pb.AddChunksRequest(
            build_id=begun.build_id, digest=str(number), chunks=corpus.chunks(_CHUNKS_A_DOCUMENT), complete=True
        )
        start = time.perf_counter()
        await stub.AttachDocuments(pb.AttachDocumentsRequest(build_id=begun.build_id, documents=[document]))
        await stub.AddChunks(request)
        added_s += time.perf_counter() - start
    start = time.perf_counter()
    await stub.CommitBuild(pb.CommitBuildRequest(build_id=begun.build_id))
    return added_s, time.perf_counter() - start


def _queries(corpus: Corpus) -> Iterator[tuple[str, list[pb.SearchRequest]]]:
    for name, text in (("rare words", corpus.rare_text), ("frequent words", corpus.text)):
        yield (
            f"words and vector, {name}",
            [pb.SearchRequest(query=text(8), vector=corpus.vector(), embedding_model=_MODEL) for _ in range(_QUERIES)],
        )
    yield "words only, rare words", [pb.SearchRequest(query=corpus.rare_text(8)) for _ in range(_QUERIES)]


async def _time(stub: rpc.KnowledgeServiceStub, query: pb.SearchRequest) -> float:
    start = time.perf_counter()
    response = await stub.Search(query)
    assert response.results or not query.vector
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
