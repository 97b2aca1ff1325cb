"""Collections, their files, and what was found in them, in the words of the document."""

import posixpath
from collections.abc import Mapping, Sequence

from quintet.knowledge.v1.knowledge_service_pb2 import Collection, DocumentSummary, SearchResult
from quintet_gateway.assistant.knowledge import IndexProgress, IndexReport, KnowledgeState
from quintet_gateway.dialects.aegis.json_values import Json
from quintet_gateway.dialects.aegis.schemas.documents import SearchQuery
from quintet_gateway.http.times import format_moment, format_time

_NUMBERS = frozenset({"size_bytes"})
_MOST_SKIPPED = 50


def indexed(report: IndexReport) -> Mapping[str, Json]:
    """Returns what an index holds now, and which files it does not hold and why.

    The document counts chunks and calls them documents.
    """
    return {
        "collection_name": report.collection,
        "documents_added": report.chunks_added,
        "total_documents": report.total_chunks,
        "duration_ms": round(report.duration_s * 1000, 2),
        "skipped": [{"source": one.source, "reason": one.reason} for one in report.skipped[:_MOST_SKIPPED]],
        "skipped_count": report.skipped_count,
    }


def found(asked: SearchQuery, results: Sequence[SearchResult]) -> Mapping[str, Json]:
    """Returns the results of a search, the best first."""
    return {
        "query": asked.query,
        "collection_name": asked.collection,
        "results": [_result(result, rank) for rank, result in enumerate(results, start=1)],
        "result_count": len(results),
    }


def collection(of: Collection, progress: Sequence[IndexProgress]) -> Mapping[str, Json]:
    """Returns a collection; `progress` is how far everything is that is being indexed."""
    metadata: dict[str, Json] = {
        **of.attributes,
        "embedding_model": of.embedding_model or None,
        "updated_at": format_time(of.update_time),
    }
    if states := [_progress(one) for one in progress if one.collection == of.name]:
        metadata["indexing"] = states
    return {"name": of.name, "count": of.chunk_count, "doc_count": of.document_count, "metadata": metadata}


def files(name: str, documents: Sequence[DocumentSummary]) -> Mapping[str, Json]:
    """Returns the files of a collection by their sources."""
    return {
        "collection_name": name,
        "files": [
            {"source": one.source, "chunks": one.chunk_count} for one in sorted(documents, key=lambda each: each.source)
        ],
        "total_files": len(documents),
        "total_chunks": sum(one.chunk_count for one in documents),
    }


def health(state: KnowledgeState, progress: Sequence[IndexProgress]) -> Mapping[str, Json]:
    """Returns how the documents are set up, and how far everything is that is being indexed."""
    return {
        "service": "rag",
        "status": "unhealthy" if state.validation_errors else "healthy",
        "enabled": True,
        "persist_directory": state.persist_directory,
        "embedding_provider": state.embedding_engine,
        "embedding_model": state.embedding_model,
        "chunk_size": state.chunk_size,
        "chunk_overlap": state.chunk_overlap,
        "default_top_k": state.top_k,
        "last_activity": format_moment(state.last_activity) if state.last_activity else None,
        "collection_count": state.collection_count,
        "validation_errors": list(state.validation_errors),
        "embedding_remedy": state.embedding_remedy or None,
        "indexing": [_progress(one) for one in progress],
    }


def _progress(of: IndexProgress) -> Mapping[str, Json]:
    return {
        "collection_name": of.collection,
        "files_found": of.files_found,
        "files_done": of.files_done,
        "chunks_done": of.chunks_done,
        "started_at": format_moment(of.started),
    }


def _score(result: SearchResult) -> float:
    """Returns how near a result is to the query in meaning, or without vectors in words.

    It is one measure for one result, so that a reader can set a threshold on it. The order follows meaning and words
    together, so that a better result may have a smaller score.
    """
    near = result.similarity or result.word_share
    return round(min(max(near, 0.0), 1.0), 4)


def _result(result: SearchResult, rank: int) -> Mapping[str, Json]:
    return {
        "content": result.chunk.text,
        "metadata": _metadata(result),
        "score": _score(result),
        "rank": rank,
    }


def _metadata(result: SearchResult) -> Mapping[str, Json]:
    known: dict[str, Json] = {
        "source": result.source,
        "file_name": posixpath.basename(result.source),
        "chunk_index": result.chunk_index,
        "total_chunks": result.chunk_count,
        "start_line": result.chunk.start_line or None,
        "end_line": result.chunk.end_line or None,
    }
    if result.chunk.heading:
        known["heading"] = result.chunk.heading
    for name, value in result.attributes.items():
        known[name] = int(value) if name in _NUMBERS and value.isdecimal() else value or None
    return known
