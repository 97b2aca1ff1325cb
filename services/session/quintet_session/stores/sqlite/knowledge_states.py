"""What searches hold in memory of the states of collections.

A state never changes and its key is never used again, so what is held of it is never out of date.
"""

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from quintet_session.ranking import Floats
from quintet_session.stores.sqlite.knowledge_words import Places

# NumPy converts float16 one number at a time, and takes five times as long as this table does.
_FLOAT32_OF_FLOAT16 = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
_CHUNKS_A_READ = 1024
_BYTES_A_CHUNK = 40


@dataclass(frozen=True)
class StatePlan:
    """What is known of a state before it is loaded."""

    state_key: int
    collection: str
    embedding_model: str
    vector_length: int
    chunk_count: int

    @property
    def size_bytes(self) -> int:
        """About how much memory the loaded state takes."""
        return self.chunk_count * (_BYTES_A_CHUNK + 4 * self.vector_length)


@dataclass(frozen=True, eq=False)
class LoadedState:
    """The chunks of a state by source and position, a document with two sources only once.

    `vectors` is None if there are none, or if they are too large to be held and are read each time.
    """

    plan: StatePlan
    distinct_documents: tuple[int, ...]
    chunk_keys: NDArray[np.int64]
    document_keys: NDArray[np.int64]
    lengths: Floats
    vectors: Floats | None
    by_key: NDArray[np.int64]
    sorted_keys: NDArray[np.int64]

    def locate(self, places: Places) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Returns the positions of those places that are in this state, and whether each is in a heading."""
        keys = self.sorted_keys
        if not len(keys):
            return np.zeros(0, np.int64), np.zeros(0, np.bool_)
        found = np.minimum(np.searchsorted(keys, places.chunk_keys), len(keys) - 1)
        here = keys[found] == places.chunk_keys
        return self.by_key[found[here]], places.in_heading[here]

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        plan = self.plan if self.vectors is not None else replace(self.plan, vector_length=0)
        return plan.size_bytes

    def similarities(self, connection: sqlite3.Connection, vector: Floats) -> Floats:
        """Returns the cosine of each chunk's vector and `vector`."""
        if self.vectors is not None:
            return _products(self.vectors, vector)
        blocks = [
            _products(block, vector)
            for _, block in _blocks(connection, self.distinct_documents, self.plan.vector_length)
        ]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _products(vectors: Floats, vector: Floats) -> Floats:
    # A matrix product would wait for threads of its own, which on a busy machine takes ten times as long.
    products: Floats = np.einsum("ij,j->i", vectors, vector)
    return products


def load(connection: sqlite3.Connection, plan: StatePlan, *, hold_vectors: bool) -> LoadedState | None:
    """Reads a state; None if it is not the current one of its collection any more."""
    current = connection.execute(
        "SELECT 1 FROM knowledge_states WHERE state_key = ? AND phase = 'current'", (plan.state_key,)
    ).fetchone()
    if current is None:
        return None
    documents = tuple(
        key
        for (key,) in connection.execute(
            "SELECT document_key FROM knowledge_references WHERE state_key = ? GROUP BY document_key"
            " ORDER BY min(source)",
            (plan.state_key,),
        )
    )
    return _load(connection, plan, documents, plan.vector_length if hold_vectors else 0)


def _load(
    connection: sqlite3.Connection, plan: StatePlan, documents: tuple[int, ...], vector_length: int
) -> LoadedState:
    rows = np.zeros((plan.chunk_count, 3), np.int64)
    vectors = np.zeros((plan.chunk_count, vector_length), np.float32) if vector_length else None
    end = 0
    for block_rows, block in _blocks(connection, documents, vector_length):
        rows[end : end + len(block_rows)] = block_rows
        if vectors is not None:
            vectors[end : end + len(block)] = block
        end += len(block_rows)
    chunk_keys = rows[:end, 0].copy()
    by_key = np.argsort(chunk_keys)
    return LoadedState(
        plan=plan,
        distinct_documents=documents,
        chunk_keys=chunk_keys,
        document_keys=rows[:end, 1].copy(),
        lengths=rows[:end, 2].astype(np.float32),
        vectors=None if vectors is None else vectors[:end],
        by_key=by_key,
        sorted_keys=chunk_keys[by_key],
    )


def _blocks(
    connection: sqlite3.Connection, documents: Sequence[int], vector_length: int
) -> Iterator[tuple[NDArray[np.int64], Floats]]:
    """Yields keys and lengths of chunks, and their vectors, some chunks at a time."""
    columns = "chunk_key, document_key, text_length" + (", vector" if vector_length else "")
    statement = f"SELECT {columns} FROM knowledge_chunks WHERE document_key = ? ORDER BY position"  # noqa: S608
    chunks = chain.from_iterable(connection.execute(statement, (key,)) for key in documents)
    while rows := list(islice(chunks, _CHUNKS_A_READ)):
        numbers = np.array([row[:3] for row in rows], np.int64).reshape(len(rows), 3)
        halves = np.frombuffer(b"".join(row[3] for row in rows) if vector_length else b"", "<u2")
        yield numbers, _FLOAT32_OF_FLOAT16[halves].reshape(len(rows), vector_length)


class StateCache:
    """Holds what was searched last, up to `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: OrderedDict[int, LoadedState] = OrderedDict()
        # One at a time: many searches of a new state are to read it once.
        self._loading = asyncio.Lock()
        self._being_loaded: StatePlan | None = None

    def held(self) -> dict[int, LoadedState]:
        """Returns what is held, by the keys of the states."""
        return dict(self._held)

    def touch(self, state_keys: Iterable[int]) -> None:
        """Notes that states were used: of those that are held, they are the last to go."""
        for state_key in state_keys:
            if state_key in self._held:
                self._held.move_to_end(state_key)

    def forget(self, collection: str) -> None:
        """Lets go of what is held of a collection, and of what is being loaded of it."""
        if self._being_loaded is not None and self._being_loaded.collection == collection:
            self._being_loaded = None
        for state_key in [key for key, state in self._held.items() if state.plan.collection == collection]:
            del self._held[state_key]

    async def get(
        self,
        plan: StatePlan,
        in_use: Mapping[int, LoadedState],
        read: Callable[[StatePlan, bool], Awaitable[LoadedState | None]],
    ) -> LoadedState | None:
        """Returns a state, loaded by `read(plan, hold_vectors)` if need be.

        `in_use` are the other states of the search. Vectors that do not fit beside theirs are not held, so that one
        search stays within the limit too; what other searches left behind makes room.
        """
        async with self._loading:
            if plan.state_key in self._held:
                return self._held[plan.state_key]
            if plan.size_bytes + _size_bytes(in_use) > self._max_bytes:
                return await read(plan, False)
            self.touch(in_use)
            self._make_room(plan.size_bytes)
            return await self._load(plan, read)

    async def _load(
        self, plan: StatePlan, read: Callable[[StatePlan, bool], Awaitable[LoadedState | None]]
    ) -> LoadedState | None:
        self._being_loaded = plan
        try:
            loaded = await read(plan, True)
            # A state that was replaced while it was read is still right for its search, but for no later one.
            if loaded is not None and self._being_loaded is not None:
                self._held[plan.state_key] = loaded
            return loaded
        finally:
            self._being_loaded = None

    def _make_room(self, size_bytes: int) -> None:
        while self._held and size_bytes + _size_bytes(self._held) > self._max_bytes:
            self._held.popitem(last=False)


def _size_bytes(states: Mapping[int, LoadedState]) -> int:
    return sum(state.size_bytes for state in states.values())
