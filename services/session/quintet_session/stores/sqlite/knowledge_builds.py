"""Operations on builds of collections. Each takes an open transaction."""

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from quintet_errors import DomainError, Reason
from quintet_session.knowledge_store import CollectionRecord, NewBuild
from quintet_session.stores.sqlite import knowledge_collections
from quintet_session.validation import invalid


@dataclass(frozen=True)
class Build:
    """A build that goes on. `vector_length` is None until the first chunk is known."""

    state_key: int
    embedding_model: str
    vector_length: int | None


def build_lost() -> DomainError:
    """Returns the error of a build that does not go on."""
    return DomainError(
        Reason.BUILD_LOST, "The build was replaced by a later one, or was idle for too long. Begin a new one."
    )


def packed(attributes: Mapping[str, str]) -> str:
    """Returns attributes as they are stored; the same ones always look the same."""
    return json.dumps(dict(sorted(attributes.items())), separators=(",", ":"))


def begin(connection: sqlite3.Connection, build_id: str, build: NewBuild, now_us: int) -> None:
    """Stores an empty build and gives up the one that the collection had."""
    connection.execute(
        "UPDATE knowledge_states SET phase = 'dropped' WHERE collection = ? AND phase = 'building'",
        (build.collection,),
    )
    connection.execute(
        "INSERT INTO knowledge_states (build_id, collection, embedding_model, attributes, update_us)"
        " VALUES (?, ?, ?, ?, ?)",
        (build_id, build.collection, build.embedding_model, packed(build.attributes), now_us),
    )


def find(connection: sqlite3.Connection, build_id: str) -> Build:
    """Returns a build that goes on, or raises BUILD_LOST."""
    row = connection.execute(
        "SELECT state_key, embedding_model, vector_length FROM knowledge_states"
        " WHERE build_id = ? AND phase = 'building'",
        (build_id,),
    ).fetchone()
    if row is None:
        raise build_lost()
    return Build(*row)


def commit(connection: sqlite3.Connection, build_id: str, now_us: int) -> CollectionRecord:
    """Lets the collection point to the build; what it pointed to before is removed later."""
    row = connection.execute(
        "SELECT state_key, collection, phase FROM knowledge_states WHERE build_id = ?", (build_id,)
    ).fetchone()
    if row is None or row[2] == "dropped":
        raise build_lost()
    state_key, collection, phase = row
    if phase == "building":
        documents, chunks, vector_length = _sum_up(connection, state_key)
        connection.execute(
            "UPDATE knowledge_states SET phase = 'dropped' WHERE collection = ? AND phase = 'current'", (collection,)
        )
        connection.execute(
            "UPDATE knowledge_states SET phase = 'current', document_count = ?, chunk_count = ?, vector_length = ?,"
            " update_us = ? WHERE state_key = ?",
            (documents, chunks, vector_length, now_us, state_key),
        )
    return knowledge_collections.get(connection, collection)


def abort(connection: sqlite3.Connection, build_id: str) -> None:
    """Gives a build up, unless it is a collection's state already."""
    connection.execute(
        "UPDATE knowledge_states SET phase = 'dropped' WHERE build_id = ? AND phase = 'building'", (build_id,)
    )


def drop_abandoned(connection: sqlite3.Connection, going_on: Collection[str]) -> bool:
    """Gives up the builds that are not among those that go on, and tells whether there were any."""
    rows = connection.execute("SELECT build_id FROM knowledge_states WHERE phase = 'building'").fetchall()
    abandoned = [build_id for (build_id,) in rows if build_id not in going_on]
    for build_id in abandoned:
        abort(connection, build_id)
    return bool(abandoned)


def _sum_up(connection: sqlite3.Connection, state_key: int) -> tuple[int, int, int | None]:
    """Returns the documents, the chunks, and the length of the vectors, None without chunks."""
    documents, chunks, incomplete, shortest, longest = connection.execute(
        "SELECT count(*), coalesce(sum(chunk_count), 0), coalesce(sum(NOT is_complete), 0),"
        " min(d.vector_length), max(d.vector_length)"
        " FROM knowledge_references JOIN knowledge_documents d USING (document_key) WHERE state_key = ?",
        (state_key,),
    ).fetchone()
    if incomplete:
        raise DomainError(
            Reason.INVALID_ARGUMENT,
            f"The build cannot be committed: {incomplete} of its documents lack chunks.",
            {"field": "build_id", "incompleteDocuments": str(incomplete)},
        )
    # Another build may have completed a document that this one attached and did not touch again.
    if shortest != longest:
        raise invalid("build_id", "that of a build with vectors of one length")
    return documents, chunks, longest
