"""Puts files into a build of a collection: their chunks are made only if nobody made them before."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from quintet.knowledge.v1.knowledge_service_pb2 import AddChunksRequest, Chunk
from quintet_gateway.assistant.knowledge.embedding import BATCH_TEXTS, Embedding
from quintet_gateway.assistant.knowledge.extractor import Extractor
from quintet_gateway.assistant.knowledge.ordered import in_order
from quintet_gateway.assistant.knowledge.source_files import SourceFile
from quintet_gateway.assistant.knowledge.text_vectors import TextVectors
from quintet_gateway.assistant.knowledge.walk import SkipList
from quintet_gateway.clients.knowledge import KnowledgeClient
from quintet_gateway.documents.pieces import Piece
from quintet_gateway.documents.unreadable import UnreadableError

_EMBEDDINGS_IN_FLIGHT = 3


@dataclass(frozen=True)
class _Read:
    """A file after a worker had it: its chunks, or why there are none."""

    file: SourceFile
    pieces: Sequence[Piece]
    failure: str = ""


@dataclass(frozen=True)
class _Part:
    """Some successive chunks of one file, the last ones of it if `complete`."""

    digest: str
    first_index: int
    pieces: Sequence[Piece]
    complete: bool


_Parts = list[_Part]


class Build:
    """One build. `chunks_made` and `reused_count` count what was done."""

    def __init__(
        self,
        build_id: str,
        embedding_model: str,
        skips: SkipList,
        *,
        client: KnowledgeClient,
        embedding: Embedding,
        extractor: Extractor,
    ) -> None:
        self._build_id = build_id
        self._skips = skips
        self._client = client
        self._vectors = TextVectors(embedding, embedding_model)
        self._extractor = extractor
        self.chunks_made = 0
        self.reused_count = 0

    async def add(self, files: Sequence[SourceFile]) -> None:
        """Adds files, at most 500; chunks are made and stored in the order of the files.

        Raises:
            DomainError: if a service fails, or the build is lost.
        """
        if not files:
            return
        missing = await self._client.attach(self._build_id, [file.document for file in files])
        unknown = {file.document.digest: file for file in files if file.document.digest in missing}
        self.reused_count += sum(file.document.digest not in missing for file in files)
        async with (
            aclosing(in_order(_each(unknown.values()), self._read, self._extractor.workers + 1)) as read,
            aclosing(in_order(self._grouped(read, files), self._embed, _EMBEDDINGS_IN_FLIGHT)) as groups,
        ):
            async for requests in groups:
                for request in requests:
                    await self._client.add(request)
                    self.chunks_made += len(request.chunks)

    async def _read(self, file: SourceFile) -> _Read:
        try:
            return _Read(file, await self._extractor.pieces(file.format, file.data))
        except UnreadableError as error:
            return _Read(file, (), str(error))

    async def _grouped(
        self, read: AsyncGenerator[_Read, None], files: Sequence[SourceFile]
    ) -> AsyncGenerator[_Parts, None]:
        """Yields chunks in groups that one call of the embedding service takes, across the borders of files."""
        group: _Parts = []
        room = BATCH_TEXTS
        async for outcome in read:
            if outcome.failure:
                await self._leave_out(outcome, files)
            start = 0
            while start < len(outcome.pieces):
                part = _part(outcome, start, room)
                group.append(part)
                start += len(part.pieces)
                room -= len(part.pieces)
                if not room:
                    yield group
                    group, room = [], BATCH_TEXTS
        if group:
            yield group

    async def _leave_out(self, outcome: _Read, files: Sequence[SourceFile]) -> None:
        digest = outcome.file.document.digest
        for file in files:
            if file.document.digest == digest:
                self._skips.add(file.document.source, outcome.failure)
        request = AddChunksRequest(build_id=self._build_id, digest=digest, complete=True, unreadable=True)
        await self._client.add(request)

    async def _embed(self, parts: _Parts) -> list[AddChunksRequest]:
        texts = [_text_for_vector(piece) for part in parts for piece in part.pieces]
        vectors = iter(await self._vectors.of(texts))
        return [
            AddChunksRequest(
                build_id=self._build_id,
                digest=part.digest,
                first_index=part.first_index,
                chunks=[_chunk(piece, next(vectors)) for piece in part.pieces],
                complete=part.complete,
            )
            for part in parts
        ]


async def _each(files: Iterable[SourceFile]) -> AsyncIterator[SourceFile]:
    for file in files:
        yield file
        # Files come from memory, and others want to run as well.
        await asyncio.sleep(0)


def _part(outcome: _Read, start: int, room: int) -> _Part:
    pieces = outcome.pieces[start : start + room]
    return _Part(outcome.file.document.digest, start, pieces, complete=start + len(pieces) == len(outcome.pieces))


def _text_for_vector(piece: Piece) -> str:
    """Puts the titles before a chunk: they often name what the text only points at."""
    return f"{piece.heading}\n\n{piece.text}" if piece.heading else piece.text


def _chunk(piece: Piece, vector: Sequence[float]) -> Chunk:
    return Chunk(
        text=piece.text,
        heading=piece.heading,
        start_line=piece.start_line,
        end_line=piece.end_line,
        vector=vector,
    )
