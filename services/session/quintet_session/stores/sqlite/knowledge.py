# ruff: noqa: D102 - the methods are documented at the protocol
"""Collections of documents in SQLite, searched by words and vectors."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from quintet_session.knowledge_store import (
    CollectionPage,
    CollectionRecord,
    DocumentPage,
    Hit,
    NewBuild,
    NewChunks,
    NewDocument,
    PageLimits,
    Query,
)
from quintet_session.stores.sqlite import (
    knowledge_builds,
    knowledge_collections,
    knowledge_documents,
    knowledge_retention,
    knowledge_search,
    knowledge_states,
)
from quintet_session.stores.sqlite.database import SqliteDatabase
from quintet_session.stores.sqlite.knowledge_search import Missing
from quintet_session.stores.sqlite.knowledge_states import LoadedState, StateCache, StatePlan
from quintet_session.stores.sqlite.knowledge_words import QueryWords

_LONGEST_IDLE_S = 3600.0
# Cutting text into words is what takes the writer's time; messages are not to wait long behind it.
_CHUNKS_A_WRITE = 32
_TEXT_A_WRITE = 128 << 10


class SqliteKnowledge:
    """Keeps collections of documents. Methods are documented at `KnowledgeStore`.

    `max_cache_bytes` bounds the vectors that are held in memory; vectors beyond it are read for each search. `now_s` is
    a clock that does not jump.
    """

    def __init__(
        self,
        database: SqliteDatabase,
        *,
        max_cache_bytes: int = 256 << 20,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._now_s = now_s
        self._states = StateCache(max_cache_bytes)
        self._words = QueryWords()
        # The builds of this process, and when each was last used. Those of earlier processes are lost.
        self._builds: dict[str, float] = {}

    async def begin_build(self, build: NewBuild) -> str:
        build_id = f"build-{uuid.uuid4().hex}"
        self._builds[build_id] = self._now_s()
        now_us = self._database.now_us()
        await self._database.write(lambda connection: knowledge_builds.begin(connection, build_id, build, now_us))
        return build_id

    async def attach_documents(self, build_id: str, documents: Sequence[NewDocument]) -> list[str]:
        self._use(build_id)
        return await self._database.write(
            lambda connection: knowledge_documents.attach(connection, build_id, documents)
        )

    async def add_chunks(self, build_id: str, chunks: NewChunks) -> None:
        for part in _parts(chunks):
            self._use(build_id)
            await self._add(build_id, part)

    async def commit_build(self, build_id: str) -> CollectionRecord:
        self._use(build_id)
        now_us = self._database.now_us()
        collection = await self._database.write(
            lambda connection: knowledge_builds.commit(connection, build_id, now_us)
        )
        self._states.forget(collection.name)
        return collection

    async def abort_build(self, build_id: str) -> None:
        await self._database.write(lambda connection: knowledge_builds.abort(connection, build_id))
        self._builds.pop(build_id, None)

    async def search(self, query: Query) -> list[Hit]:
        loaded = self._states.held()
        while True:
            outcome = await self._search(query, loaded)
            if not isinstance(outcome, Missing):
                return outcome
            # No more than these, so that the others can make room.
            loaded = {state_key: loaded[state_key] for state_key in outcome.loaded_keys}
            await self._load(outcome.plans, loaded)

    async def list_collections(self, limits: PageLimits) -> CollectionPage:
        return await self._database.read(lambda connection: knowledge_collections.list_page(connection, limits))

    async def get_collection(self, name: str) -> CollectionRecord:
        return await self._database.read(lambda connection: knowledge_collections.get(connection, name))

    async def list_documents(self, collection: str, limits: PageLimits) -> DocumentPage:
        return await self._database.read(
            lambda connection: knowledge_collections.list_documents(connection, collection, limits)
        )

    async def delete_collection(self, name: str) -> None:
        await self._database.write(lambda connection: knowledge_collections.delete(connection, name))
        self._states.forget(name)

    async def purge_step(self) -> bool:
        """Removes a little of what nobody needs, and tells whether there was anything."""
        oldest = self._now_s() - _LONGEST_IDLE_S
        self._builds = {build_id: used for build_id, used in self._builds.items() if used >= oldest}
        going_on = frozenset(self._builds)
        return await self._database.write(lambda connection: knowledge_retention.purge_step(connection, going_on))

    def _use(self, build_id: str) -> None:
        if build_id not in self._builds:
            raise knowledge_builds.build_lost()
        self._builds[build_id] = self._now_s()

    async def _add(self, build_id: str, part: NewChunks) -> None:
        await self._database.write(
            lambda connection: knowledge_documents.add_chunks(connection, build_id, part),
            weight_bytes=sum(len(chunk.text) + len(chunk.vector) for chunk in part.chunks),
            bulk=True,
        )

    async def _search(self, query: Query, loaded: Mapping[int, LoadedState]) -> list[Hit] | Missing:
        names = frozenset(query.collections)
        self._states.touch(key for key, state in loaded.items() if not names or state.plan.collection in names)
        return await self._database.read(
            lambda connection: knowledge_search.search(connection, query, self._words, loaded), heavy=True
        )

    async def _load(self, plans: Sequence[StatePlan], loaded: dict[int, LoadedState]) -> None:
        """Adds states to those that a search has; one that was replaced in between stays out."""
        for plan in plans:
            state = await self._states.get(plan, loaded, self._read_state)
            if state is not None:
                loaded[plan.state_key] = state

    async def _read_state(self, plan: StatePlan, hold_vectors: bool) -> LoadedState | None:
        return await self._database.read(
            lambda connection: knowledge_states.load(connection, plan, hold_vectors=hold_vectors), heavy=True
        )


def _parts(new: NewChunks) -> Iterator[NewChunks]:
    """Cuts an addition into pieces that one transaction each can take without holding up others."""
    start = 0
    while True:
        end, room = start, _TEXT_A_WRITE
        while end < len(new.chunks) and end - start < _CHUNKS_A_WRITE and room > 0:
            room -= len(new.chunks[end].text)
            end += 1
        last = end == len(new.chunks)
        yield replace(
            new, first_index=new.first_index + start, chunks=new.chunks[start:end], complete=new.complete and last
        )
        if last:
            return
        start = end
