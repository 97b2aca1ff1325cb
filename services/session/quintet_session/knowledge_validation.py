"""Checks of arguments about knowledge, and their translation into records. Each names the field in its error."""

from collections.abc import Mapping, Sequence

import numpy as np

from quintet.knowledge.v1 import knowledge_service_pb2 as pb
from quintet_session.knowledge_store import ChunkRecord, NewBuild, NewChunks, NewDocument, Query
from quintet_session.ranking import Floats
from quintet_session.validation import invalid, missing, required, too_large

LONGEST_COLLECTION = 128
LONGEST_MODEL = 200
LONGEST_SOURCE = 1024
LONGEST_DIGEST = 128
LONGEST_BUILD_ID = 64
MOST_ATTRIBUTES = 32
MAX_ATTRIBUTE_BYTES = 8 << 10
MOST_DOCUMENTS = 500
MAX_TEXT_BYTES = 64 << 10
MAX_HEADING_BYTES = 8 << 10
MAX_CHUNKS_BYTES = 4 << 20
MAX_QUERY_BYTES = 32 << 10
MOST_NUMBERS = 8192
MOST_COLLECTIONS = 1000
MOST_RESULTS = 100
DEFAULT_RESULTS = 5
_MOST_LINES = 2**31 - 1


def collection(name: str, field: str = "collection") -> str:
    """Returns the name of a collection."""
    return required(name, field, LONGEST_COLLECTION)


def build_id(value: str) -> str:
    """Returns the id of a build."""
    return required(value, "build_id", LONGEST_BUILD_ID)


def build(request: pb.BeginBuildRequest) -> NewBuild:
    """Returns what is to be built."""
    return NewBuild(
        collection(request.collection),
        _model(request.embedding_model),
        _attributes(request.attributes, "attributes"),
    )


def documents(messages: Sequence[pb.Document]) -> list[NewDocument]:
    """Returns the documents to attach."""
    if not messages:
        raise missing("documents")
    if len(messages) > MOST_DOCUMENTS:
        raise invalid("documents", f"1 to {MOST_DOCUMENTS} documents")
    return [
        NewDocument(
            required(message.source, "documents.source", LONGEST_SOURCE),
            required(message.digest, "documents.digest", LONGEST_DIGEST),
            _attributes(message.attributes, "documents.attributes"),
        )
        for message in messages
    ]


def chunks(request: pb.AddChunksRequest) -> NewChunks:
    """Returns the chunks to add. Megabytes of numbers take a while: to be called in a thread."""
    digest = required(request.digest, "digest", LONGEST_DIGEST)
    if not 0 <= request.first_index <= _MOST_LINES - len(request.chunks):
        raise invalid("first_index", "0 or more")
    size = request.ByteSize()
    if size > MAX_CHUNKS_BYTES + (1 << 10):
        raise too_large("The chunks of one call", MAX_CHUNKS_BYTES, size)
    if request.unreadable and (request.chunks or not request.complete):
        raise invalid("unreadable", "set with `complete` and without chunks")
    pieces = tuple(_chunk(chunk) for chunk in request.chunks)
    return NewChunks(digest, request.first_index, pieces, request.complete, request.unreadable)


def query(request: pb.SearchRequest) -> Query:
    """Returns what to search for."""
    size = len(required(request.query, "query").encode())
    if size > MAX_QUERY_BYTES:
        raise too_large("A query", MAX_QUERY_BYTES, size)
    if not 0 <= request.top_k <= MOST_RESULTS:
        raise invalid("top_k", f"1 to {MOST_RESULTS}, or 0 for {DEFAULT_RESULTS}")
    if len(request.collections) > MOST_COLLECTIONS:
        raise invalid("collections", f"at most {MOST_COLLECTIONS} names")
    return Query(
        text=request.query,
        vector=_unit(request.vector, "vector").astype("<f4").tobytes(),
        embedding_model=_model(request.embedding_model),
        collections=tuple(collection(name, "collections") for name in request.collections),
        top_k=request.top_k or DEFAULT_RESULTS,
        attributes=_attributes(request.attributes, "attributes"),
    )


def _chunk(message: pb.Chunk) -> ChunkRecord:
    if not message.text:
        raise missing("chunks.text")
    for what, text, largest in (
        ("The text of a chunk", message.text, MAX_TEXT_BYTES),
        ("The heading of a chunk", message.heading, MAX_HEADING_BYTES),
    ):
        if len(text) * 4 > largest and len(text.encode()) > largest:
            raise too_large(what, largest, len(text.encode()))
    if message.start_line < 0 or message.end_line < 0:
        raise invalid("chunks.start_line", "a line of the document, or 0")
    vector = _unit(message.vector, "chunks.vector").astype("<f2").tobytes()
    return ChunkRecord(message.text, message.heading, message.start_line, message.end_line, vector)


def _unit(numbers: Sequence[float], field: str) -> Floats:
    """Returns a vector with length 1; an empty one stays empty."""
    if len(numbers) > MOST_NUMBERS:
        raise invalid(field, f"at most {MOST_NUMBERS} numbers long")
    vector = np.array(numbers, np.float64)
    length = float(np.linalg.norm(vector)) if len(vector) else 1.0
    if not np.isfinite(length) or length == 0:
        raise invalid(field, "of finite numbers that are not all zero")
    return (vector / length).astype(np.float32)


def _model(name: str) -> str:
    if len(name) > LONGEST_MODEL:
        raise invalid("embedding_model", f"at most {LONGEST_MODEL} characters long")
    return name


def _attributes(attributes: Mapping[str, str], field: str) -> dict[str, str]:
    if len(attributes) > MOST_ATTRIBUTES:
        raise invalid(field, f"at most {MOST_ATTRIBUTES} entries")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in attributes.items())
    if size > MAX_ATTRIBUTE_BYTES:
        raise too_large("Attributes", MAX_ATTRIBUTE_BYTES, size)
    return dict(attributes)
