"""Small collections for the tests of knowledge."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from quintet_session.knowledge_store import ChunkRecord, Hit, KnowledgeStore, NewBuild, NewChunks, NewDocument, Query
from quintet_session.store import Store

MODEL = "model"


def angle(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def piece(text: str, degrees: float | None = None, heading: str = "") -> ChunkRecord:
    vector = b"" if degrees is None else angle(degrees).astype("<f2").tobytes()
    return ChunkRecord(text, heading, vector=vector)


def near(text: str, degrees: float, **options: object) -> Query:
    return Query(text, angle(degrees).astype("<f4").tobytes(), MODEL, **options)  # type: ignore[arg-type]


async def put(
    knowledge: KnowledgeStore,
    collection: str,
    files: Mapping[str, Sequence[ChunkRecord]],
    *,
    attributes: Mapping[str, Mapping[str, str]] | None = None,
    commit: bool = True,
) -> str:
    """Builds a collection of files, whose chunks are all that their digests depend on."""
    model = MODEL if any(chunk.vector for chunks in files.values() for chunk in chunks) else ""
    build_id = await knowledge.begin_build(NewBuild(collection, model))
    documents = [
        NewDocument(source, repr(chunks), (attributes or {}).get(source, {})) for source, chunks in files.items()
    ]
    missing = await knowledge.attach_documents(build_id, documents) if documents else []
    for chunks in {repr(chunks): chunks for chunks in files.values() if repr(chunks) in missing}.values():
        await knowledge.add_chunks(build_id, NewChunks(repr(chunks), 0, tuple(chunks), complete=True))
    if commit:
        await knowledge.commit_build(build_id)
    return build_id


def texts(hits: Iterable[Hit]) -> list[str]:
    return [hit.chunk.text for hit in hits]


async def purge(store: Store) -> None:
    while await store.purge_step(0):
        pass
