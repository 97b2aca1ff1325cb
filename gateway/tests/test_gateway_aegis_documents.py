"""aegis: documents, every endpoint, default and row of errors."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aegis_requests import AWAY, furnish, refused, within
from yarl import URL

from quintet.knowledge.v1.knowledge_service_pb2 import Chunk, DocumentSummary, SearchResult
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.knowledge import IndexProgress, IndexRequest, Skipped

AT = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
NAMES = ["code", "a{b}", "100%", "?#&", "Zoë's notes", "a.b-c_d", "<b>'; DROP TABLE x;--"]


@pytest.fixture
async def assistant(assistant):
    return furnish(assistant)


@pytest.fixture
def knowledge(assistant):
    return assistant.knowledge


@pytest.mark.parametrize("base", ["", "/api/v1"])
async def test_index(client, knowledge, base):
    body = {"path": "./app", "collection_name": "code", "extensions": [".py", "ts"], "exclude_patterns": ["**/test_*"]}
    response = await client.post(f"{base}/rag/index", json=body)
    assert response.status == 200
    assert await response.json() == {
        "collection_name": "code",
        "documents_added": 7,
        "total_documents": 7,
        "duration_ms": 8300.5,
        "skipped": [],
        "skipped_count": 0,
    }
    assert knowledge.indexed == [IndexRequest("./app", "code", (".py", "ts"), ("**/test_*",))]


async def test_index_tells_what_it_left_out(client, knowledge):
    knowledge.skipped = tuple(Skipped(f"{number}.pdf", "is a broken PDF") for number in range(60))
    body = await (await client.post("/rag/index", json={"path": ".", "collection_name": "c"})).json()
    assert body["skipped_count"] == 60
    assert body["skipped"] == [{"source": f"{number}.pdf", "reason": "is a broken PDF"} for number in range(50)]


@pytest.mark.parametrize("more", [{}, {"extensions": None, "exclude_patterns": None}])
async def test_index_leaves_defaults_to_the_assistant(client, knowledge, more):
    assert (await client.post("/rag/index", json={"path": ".", "collection_name": "c", **more})).status == 200
    assert knowledge.indexed == [IndexRequest(".", "c", None, None)]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"collection_name": "c"}, "Field 'path' is required"),
        ({"path": "."}, "Field 'collection_name' is required"),
        ({"path": "", "collection_name": "c"}, "Field 'path' must not be blank"),
        ({"path": 1, "collection_name": "c"}, "Field 'path' must be a string"),
        ({"path": "p" * 4097, "collection_name": "c"}, "Field 'path' must be at most 4096 characters long"),
        ({"path": ".", "collection_name": " "}, "Field 'collection_name' must not be blank"),
        ({"path": ".", "collection_name": ".."}, "Field 'collection_name' must be a name"),
        ({"path": ".", "collection_name": "c\n"}, "Field 'collection_name' must not hold control characters"),
        (
            {"path": ".", "collection_name": "c" * 129},
            "Field 'collection_name' must be at most 128 characters long",
        ),
        ({"path": ".", "collection_name": "c", "extensions": ".py"}, "Field 'extensions' must be a list of strings"),
        ({"path": ".", "collection_name": "c", "extensions": [1]}, "Field 'extensions' must be a list of strings"),
        (
            {"path": ".", "collection_name": "c", "exclude_patterns": {}},
            "Field 'exclude_patterns' must be a list of strings",
        ),
        (
            {"path": ".", "collection_name": "c", "exclude_patterns": ["x"] * 257},
            "Field 'exclude_patterns' must hold at most 256 strings",
        ),
    ],
)
async def test_index_refuses(client, knowledge, body, detail):
    await refused(await client.post("/rag/index", json=body), 400, detail)
    assert not knowledge.indexed


@pytest.mark.parametrize(
    ("failure", "status", "detail"),
    [
        (
            DomainError(Reason.INVALID_ARGUMENT, "Path not found: /etc", {"field": "path", "path": "/etc"}),
            400,
            "Failed to load documents: Path not found: /etc (looked in the configured folders, see /rag/health)",
        ),
        (DomainError(Reason.INVALID_ARGUMENT, "Too many.", {"field": "exclude_patterns"}), 400, "Too many."),
        (DomainError(Reason.ENGINE_BUSY, "Two run.", {"retryAfterSeconds": "30"}), 503, "Indexing failed: Two run."),
        (AWAY, 503, "Indexing failed: The service is away."),
        (DomainError(Reason.BUILD_LOST, "Build 7"), 500, "Indexing failed: Internal server error"),
        (DomainError(Reason.ENGINE_FAILED, "Embedding broke."), 500, "Indexing failed: Embedding broke."),
    ],
)
async def test_failure_of_an_index(client, knowledge, failure, status, detail):
    knowledge.failure = failure
    response = await client.post("/rag/index", json={"path": "/etc", "collection_name": "c"})
    await refused(response, status, detail)
    assert response.headers.get("Retry-After") == (
        failure.metadata.get("retryAfterSeconds", "1") if status == 503 else None
    )


async def test_client_that_leaves_is_not_waited_for(client, knowledge):
    knowledge.release.clear()
    asking = asyncio.create_task(client.post("/rag/index", json={"path": ".", "collection_name": "c"}))
    await within(5, knowledge.begun.wait())
    asking.cancel()
    await within(5, knowledge.ended.wait())


async def test_search(client, knowledge):
    knowledge.keep("code", **{"app/service.py": 9})
    attributes = {
        "file_name": "service.py",
        "extension": ".py",
        "file_type": "code",
        "language": "python",
        "size_bytes": "1234",
    }
    chunk = Chunk(text="class AuthService:\n    ...", heading="Service", start_line=10, end_line=20)
    found = SearchResult(
        source="app/service.py", attributes=attributes, chunk=chunk, chunk_index=2, chunk_count=9, similarity=0.89321
    )
    plain = SearchResult(source="notes/x.txt", chunk=Chunk(text="y"), chunk_count=1, similarity=-0.1, word_share=1)
    knowledge.results = [found, plain]
    query = {"query": "how does authentication work", "collection_name": "code"}
    response = await client.post("/rag/search", json=query)
    assert response.status == 200
    assert await response.json() == {
        **query,
        "results": [
            {
                "content": "class AuthService:\n    ...",
                "metadata": {
                    **attributes,
                    "source": "app/service.py",
                    "size_bytes": 1234,
                    "chunk_index": 2,
                    "total_chunks": 9,
                    "start_line": 10,
                    "end_line": 20,
                    "heading": "Service",
                },
                "score": 0.8932,
                "rank": 1,
            },
            {
                "content": "y",
                "metadata": {
                    "source": "notes/x.txt",
                    "file_name": "x.txt",
                    "chunk_index": 0,
                    "total_chunks": 1,
                    "start_line": None,
                    "end_line": None,
                },
                "score": 0.0,
                "rank": 2,
            },
        ],
        "result_count": 2,
    }
    assert knowledge.searched == [("how does authentication work", ("code",), 5, {})]


async def test_scores_are_one_measure_whatever_the_order_is(client, knowledge):
    knowledge.keep("c", x=1)
    near = [(0.31234, 0.9), (0.82, 0.1), (0.0, 0.5), (1.00001, 0.0), (-0.2, 1.0), (0.0, 0.0)]
    knowledge.results = [SearchResult(source="s", similarity=one, word_share=other) for one, other in near]
    body = {"query": "q", "collection_name": "c", "top_k": 6}
    results = (await (await client.post("/rag/search", json=body)).json())["results"]
    assert [one["score"] for one in results] == [0.3123, 0.82, 0.5, 1.0, 0.0, 0.0]


async def test_search_takes_filters_and_any_number_of_results(client, knowledge):
    knowledge.keep("c", x=1)
    knowledge.results = [SearchResult(source=f"s{number}", chunk=Chunk(text="é" * 9)) for number in range(60)]
    body = {"query": "q", "collection_name": "c", "top_k": 50}
    body["filter_metadata"] = {"extension": ".py", "size_bytes": 12.0, "language": None, "source": "a/b.py"}
    found = await (await client.post("/rag/search", json=body)).json()
    assert found["result_count"] == len(found["results"]) == 50
    assert [one["rank"] for one in found["results"]] == list(range(1, 51))
    assert knowledge.searched[0][2:] == (
        50,
        {"extension": ".py", "size_bytes": "12", "language": "", "source": "a/b.py"},
    )
    assert (await client.post("/rag/search", json={**body, "filter_metadata": None, "top_k": None})).status == 200
    assert knowledge.searched[1][2:] == (5, {})


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({"query": None}, "Field 'query' is required"),
        ({"query": "  "}, "Field 'query' must not be blank"),
        ({"query": "q" * 8001}, "Field 'query' must be at most 8000 characters long"),
        ({"collection_name": None}, "Field 'collection_name' is required"),
        ({"top_k": 0}, "Field 'top_k' must be between 1 and 50"),
        ({"top_k": 51}, "Field 'top_k' must be between 1 and 50"),
        ({"top_k": "5"}, "Field 'top_k' must be an integer"),
        ({"top_k": 5.0}, "Field 'top_k' must be an integer"),
        ({"top_k": True}, "Field 'top_k' must be an integer"),
        ({"filter_metadata": []}, "Field 'filter_metadata' must be an object"),
        *(
            (
                {"filter_metadata": {name: 0, "extension": ".py"}},
                "Field 'filter_metadata' can filter by "
                "source, file_name, extension, file_type, language, size_bytes only",
            )
            for name in ("chunk_index", "heading", "Source", "")
        ),
        *(
            (
                {"filter_metadata": {"language": value}},
                "Field 'filter_metadata' must hold texts, numbers and nulls only",
            )
            for value in ([1], {}, True)
        ),
        (
            {"filter_metadata": {"source": "x" * 1025}},
            "Field 'filter_metadata' must hold lines of at most 1024 characters",
        ),
    ],
)
async def test_search_refuses(client, knowledge, more, detail):
    await refused(await client.post("/rag/search", json={"query": "q", "collection_name": "c", **more}), 400, detail)
    assert not knowledge.searched


async def test_failure_of_a_search(client, knowledge):
    body = {"query": "q", "collection_name": "x"}
    await refused(await client.post("/rag/search", json=body), 404, "Collection 'x' not found")
    knowledge.failure = AWAY
    await refused(await client.post("/rag/search", json=body), 503, "Search failed: The service is away.")
    knowledge.failure = DomainError(Reason.STORAGE_FAILED, "/data/x.db is broken")
    await refused(await client.post("/rag/search", json=body), 500, "Search failed: Internal server error")


@pytest.mark.parametrize("name", NAMES)
async def test_collection(client, knowledge, name):
    knowledge.keep(name, **{"b.py": 3, "a.py": 4})
    url = URL("/rag/collections")
    assert await (await client.get("/rag/collections")).json() == [name]
    assert await (await client.get(url / name)).json() == {
        "name": name,
        "count": 7,
        "doc_count": 2,
        "metadata": {"embedding_model": "m", "updated_at": "2024-01-15T10:30:00Z"},
    }
    assert await (await client.get(url / name / "files")).json() == {
        "collection_name": name,
        "files": [{"source": "a.py", "chunks": 4}, {"source": "b.py", "chunks": 3}],
        "total_files": 2,
        "total_chunks": 7,
    }
    response = await client.delete(url / name)
    assert (response.status, await response.json()) == (200, {"deleted": True, "collection_name": name})
    assert await (await client.get("/api/v1/rag/collections")).json() == []


async def test_collection_may_have_a_slash_in_its_name(client, knowledge):
    knowledge.keep("a/b", x=1)
    for path in ("/rag/collections/a%2Fb", "/rag/collections/a%2Fb/files"):
        assert (await client.get(URL(path, encoded=True))).status == 200


async def test_many_files_are_the_same_out_of_a_thread(client, knowledge):
    knowledge.keep("big")
    knowledge.kept["big"][1].extend(DocumentSummary(source=f"{number:04}.md", chunk_count=1) for number in range(600))
    body = await (await client.get("/rag/collections/big/files")).json()
    assert (body["total_files"], body["total_chunks"], body["files"][599]["source"]) == (600, 600, "0599.md")


@pytest.mark.parametrize("name", ["my-collection", "x" * 129, "a\nb", " "])
async def test_unknown_collection_is_404(client, name):
    url = URL("/rag/collections") / name
    for method, target in (("GET", url), ("GET", url / "files"), ("DELETE", url)):
        await refused(await client.request(method, target), 404, f"Collection '{name}' not found")


@pytest.mark.parametrize(
    ("method", "path", "what"),
    [
        ("GET", "", "list collections"),
        ("GET", "/x", "get collection"),
        ("GET", "/x/files", "list files"),
        ("DELETE", "/x", "delete collection"),
    ],
)
async def test_failure_of_the_store(client, knowledge, method, path, what):
    knowledge.failure = AWAY
    response = await client.request(method, f"/rag/collections{path}")
    await refused(response, 503, f"Failed to {what}: The service is away.")


async def test_health_and_progress(client, knowledge):
    healthy = {
        "service": "rag",
        "status": "healthy",
        "enabled": True,
        "persist_directory": "/documents",
        "embedding_provider": "minilm",
        "embedding_model": "all-MiniLM-L6-v2",
        "chunk_size": 1000,
        "chunk_overlap": 200,
        "default_top_k": 5,
        "last_activity": None,
        "collection_count": 0,
        "validation_errors": [],
        "embedding_remedy": None,
        "indexing": [],
    }
    assert await (await client.get("/rag/health")).json() == healthy
    knowledge.setup = replace(knowledge.setup, validation_errors=("No folder.",), last_activity=AT)
    knowledge.at_work = [IndexProgress("code", 10, 4, 31, AT)]
    knowledge.keep("code", x=1)
    knowledge.keep("other", x=1)
    progress = {
        "collection_name": "code",
        "files_found": 10,
        "files_done": 4,
        "chunks_done": 31,
        "started_at": "2024-01-15T10:30:00Z",
    }
    response = await client.get("/rag/health")
    assert response.status == 200
    assert await response.json() == {
        **healthy,
        "status": "unhealthy",
        "validation_errors": ["No folder."],
        "last_activity": "2024-01-15T10:30:00Z",
        "indexing": [progress],
    }
    assert (await (await client.get("/rag/collections/code")).json())["metadata"]["indexing"] == [progress]
    assert "indexing" not in (await (await client.get("/rag/collections/other")).json())["metadata"]
    knowledge.failure = AWAY
    response = await client.get("/rag/health")
    assert response.status == 200
    assert await response.json() == {"service": "rag", "status": "error", "error": "The service is away."}
