"""Indexes a folder: reads it, makes what is not known yet, and replaces the collection at the end."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from quintet.knowledge.v1.knowledge_service_pb2 import BeginBuildRequest, Collection
from quintet_errors import DomainError
from quintet_gateway.assistant.knowledge.building import Build
from quintet_gateway.assistant.knowledge.disk import Disk
from quintet_gateway.assistant.knowledge.embedding import Embedding
from quintet_gateway.assistant.knowledge.extractor import Extractor
from quintet_gateway.assistant.knowledge.indexings import MAX_AT_ONCE
from quintet_gateway.assistant.knowledge.records import IndexProgress, IndexReport, IndexRequest
from quintet_gateway.assistant.knowledge.roots import Roots
from quintet_gateway.assistant.knowledge.source_files import Reader
from quintet_gateway.assistant.knowledge.walk import Selection, SkipList, Walk
from quintet_gateway.clients.knowledge import KnowledgeClient
from quintet_observability import get_logger, metrics

_LOG_EVERY_S = 2.0

_log = get_logger(__name__)


@dataclass
class _Run:
    """One indexing at work."""

    request: IndexRequest
    skips: SkipList = field(default_factory=SkipList)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    begun: float = field(default_factory=time.monotonic)
    logged: float = field(default_factory=time.monotonic)
    stopped: threading.Event = field(default_factory=threading.Event)
    files_found: int = 0
    files_done: int = 0
    build: Build | None = None

    def progress(self) -> IndexProgress:
        made = self.build.chunks_made if self.build else 0
        return IndexProgress(self.request.collection, self.files_found, self.files_done, made, self.started)

    def report(self, build: Build, collection: Collection) -> IndexReport:
        return IndexReport(
            collection=collection.name,
            chunks_added=collection.chunk_count,
            total_chunks=collection.chunk_count,
            document_count=collection.document_count,
            reused_count=build.reused_count,
            chunks_made=build.chunks_made,
            skipped=tuple(self.skips.kept),
            skipped_count=self.skips.count,
            duration_s=time.monotonic() - self.begun,
        )


class Indexer:
    """Does indexings; `Indexings` lets it do two at once, and one of each collection."""

    def __init__(
        self,
        roots: Roots,
        client: KnowledgeClient,
        embedding: Embedding,
        extractor: Extractor,
        *,
        max_files: int,
        silent_s: float,
    ) -> None:
        self._roots = roots
        self._client = client
        self._embedding = embedding
        self._extractor = extractor
        self._max_files = max_files
        self._runs: dict[str, _Run] = {}
        self._aborts: set[asyncio.Task[None]] = set()
        self._disk = Disk(MAX_AT_ONCE, silent_s)

    def progress(self) -> list[IndexProgress]:
        """Returns how far each indexing is."""
        return [run.progress() for run in self._runs.values()]

    async def index(self, request: IndexRequest) -> IndexReport:
        """Replaces a collection by what a path holds now; on failure or cancellation the old state stays.

        Raises:
            DomainError: INVALID_ARGUMENT for a path that is not found or a bad pattern, SERVICE_UNAVAILABLE if the disk
                stops to answer, BUILD_LOST if the build was given up meanwhile, and whatever a service fails with.
        """
        with self._noted(request) as run:
            selection = Selection(request.extensions, request.exclude_patterns)
            place = await self._disk.ask(lambda: self._roots.find(request.path))
            walk = Walk(place, selection, self._max_files, run.skips, run.stopped.is_set)
            paths = await self._disk.ask(walk.files, lambda: walk.steps)
            run.files_found = len(paths)
            engine = await self._embedding.engine()
            model = engine.model if engine else ""
            async with self._extractor.at_hand():
                report = await self._replace(run, Reader(place.root, paths, model, run.skips), model)
            _log.info("index_finished", **_figures(run), duration_s=round(report.duration_s, 3))
            return report

    async def close(self) -> None:
        """Waits for builds that are being given up."""
        await asyncio.gather(*self._aborts, return_exceptions=True)
        self._disk.close()

    async def _replace(self, run: _Run, reader: Reader, model: str) -> IndexReport:
        request = BeginBuildRequest(collection=run.request.collection, embedding_model=model)
        build_id = await self._client.begin(request)
        build = run.build = Build(
            build_id, model, run.skips, client=self._client, embedding=self._embedding, extractor=self._extractor
        )
        try:
            await self._fill(run, build, reader)
            return run.report(build, await self._client.commit(build_id))
        except BaseException:
            await self._give_up(build_id)
            raise

    async def _fill(self, run: _Run, build: Build, reader: Reader) -> None:
        while (batch := await self._disk.ask(reader.next_batch, lambda: reader.file_count)) is not None:
            made, reused = build.chunks_made, build.reused_count
            await build.add(batch.files)
            run.files_done += batch.file_count
            metrics.INDEXED_FILES.labels("reused").inc(build.reused_count - reused)
            metrics.INDEXED_FILES.labels("all").inc(batch.file_count)
            metrics.INDEXED_CHUNKS.inc(build.chunks_made - made)
            if time.monotonic() - run.logged >= _LOG_EVERY_S:
                run.logged = time.monotonic()
                _log.info("index_progress", **_figures(run))

    async def _give_up(self, build_id: str) -> None:
        """Tells the session service, also if the caller is cancelled meanwhile: a build takes room there."""
        task = asyncio.ensure_future(self._abort(build_id))
        self._aborts.add(task)
        task.add_done_callback(self._aborts.discard)
        await asyncio.shield(task)

    async def _abort(self, build_id: str) -> None:
        try:
            await self._client.abort(build_id)
        except DomainError as error:
            # The service forgets builds that nobody goes on with.
            _log.warning("build_not_aborted", reason=str(error.reason))

    @contextmanager
    def _noted(self, request: IndexRequest) -> Iterator[_Run]:
        """Keeps the figures of an indexing at hand and logs its end: who asked for it may have left."""
        run = self._runs[request.collection] = _Run(request)
        try:
            yield run
        except asyncio.CancelledError:
            _log.warning("index_cancelled", **_figures(run))
            raise
        except DomainError as error:
            _log.warning("index_failed", reason=str(error.reason), **_figures(run))
            raise
        except Exception as error:
            _log.error("index_failed", exc_info=error, **_figures(run))
            raise
        finally:
            run.stopped.set()
            del self._runs[request.collection]


def _figures(run: _Run) -> dict[str, int]:
    progress = run.progress()
    return {
        "files_found": progress.files_found,
        "files_done": progress.files_done,
        "chunks_done": progress.chunks_done,
        "files_skipped": run.skips.count,
    }
