"""quintet.knowledge.v1 over real gRPC."""

import pytest
from refusals import refused

from quintet.knowledge.v1 import knowledge_service_pb2 as pb
from quintet.knowledge.v1 import knowledge_service_pb2_grpc as rpc
from quintet_errors import Reason

DOCUMENT = pb.Document(source="a.md", digest="d", attributes={"type": "md"})
CHUNK = pb.Chunk(text="An apple.", heading="Fruit", start_line=1, end_line=2, vector=[3, 4])


async def build(knowledge: rpc.KnowledgeServiceStub, collection: str, *documents: pb.Document) -> pb.Collection:
    begin = pb.BeginBuildRequest(collection=collection, embedding_model="m", attributes={"path": "/p"})
    build_id = (await knowledge.BeginBuild(begin)).build_id
    if documents:
        attach = pb.AttachDocumentsRequest(build_id=build_id, documents=documents)
        for digest in (await knowledge.AttachDocuments(attach)).missing_digests:
            chunk = pb.Chunk(text=f"An apple {digest}.", heading="Fruit", start_line=1, end_line=2, vector=[3, 4])
            await knowledge.AddChunks(
                pb.AddChunksRequest(build_id=build_id, digest=digest, chunks=[chunk], complete=True)
            )
    return (await knowledge.CommitBuild(pb.CommitBuildRequest(build_id=build_id))).collection


async def test_a_collection_from_its_start_to_its_end(knowledge: rpc.KnowledgeServiceStub) -> None:
    collection = await build(knowledge, "c", DOCUMENT)
    assert (collection.name, collection.document_count, collection.chunk_count) == ("c", 1, 1)
    assert (collection.embedding_model, dict(collection.attributes)) == ("m", {"path": "/p"})
    assert collection.update_time.seconds > 0
    assert (await knowledge.GetCollection(pb.GetCollectionRequest(name="c"))).collection == collection
    listed = await knowledge.ListCollections(pb.ListCollectionsRequest())
    assert (list(listed.collections), listed.next_page_token) == ([collection], "")
    request = pb.SearchRequest(query="apple", vector=[6, 8], embedding_model="m", attributes={"type": "md"})
    (result,) = (await knowledge.Search(request)).results
    assert (result.collection, result.source, dict(result.attributes)) == ("c", "a.md", {"type": "md"})
    assert result.chunk == pb.Chunk(text="An apple d.", heading="Fruit", start_line=1, end_line=2)
    assert (result.chunk_index, result.chunk_count, result.score, result.word_share) == (0, 1, 1, 1)
    assert result.similarity == pytest.approx(1, abs=1e-3)
    await knowledge.DeleteCollection(pb.DeleteCollectionRequest(name="c"))
    assert not (await knowledge.Search(request)).results
    error = await refused(knowledge.GetCollection(pb.GetCollectionRequest(name="c")))
    assert error.reason is Reason.COLLECTION_NOT_FOUND


async def test_an_aborted_build_is_lost(knowledge: rpc.KnowledgeServiceStub) -> None:
    build_id = (await knowledge.BeginBuild(pb.BeginBuildRequest(collection="c"))).build_id
    for _ in range(2):
        await knowledge.AbortBuild(pb.AbortBuildRequest(build_id=build_id))
    error = await refused(knowledge.CommitBuild(pb.CommitBuildRequest(build_id=build_id)))
    assert error.reason is Reason.BUILD_LOST


async def test_an_unreadable_document_leaves_its_build_but_not_another_one(
    knowledge: rpc.KnowledgeServiceStub,
) -> None:
    begins = [pb.BeginBuildRequest(collection=name, embedding_model="m") for name in ("kept", "left")]
    kept, left = [(await knowledge.BeginBuild(begin)).build_id for begin in begins]
    for build_id in (kept, left):
        attach = pb.AttachDocumentsRequest(build_id=build_id, documents=[DOCUMENT])
        assert list((await knowledge.AttachDocuments(attach)).missing_digests) == ["d"]
        await knowledge.AddChunks(pb.AddChunksRequest(build_id=build_id, digest="d", chunks=[CHUNK]))
    unreadable = pb.AddChunksRequest(build_id=left, digest="d", complete=True, unreadable=True)
    for _ in range(2):
        await knowledge.AddChunks(unreadable)
    await knowledge.AddChunks(pb.AddChunksRequest(build_id=kept, digest="d", first_index=1, complete=True))
    commits = [await knowledge.CommitBuild(pb.CommitBuildRequest(build_id=build_id)) for build_id in (kept, left)]
    counts = [(one.collection.document_count, one.collection.chunk_count) for one in commits]
    assert counts == [(1, 1), (0, 0)]


async def test_listings_go_on_where_their_page_ended(knowledge: rpc.KnowledgeServiceStub) -> None:
    documents = [pb.Document(source=f"{number:03}", digest=str(number)) for number in range(5)]
    for name in ("b", "a", "c"):
        await build(knowledge, name, *documents)
    sources, token = [], ""
    while token or not sources:
        page = await knowledge.ListDocuments(pb.ListDocumentsRequest(collection="a", page_size=2, page_token=token))
        sources.extend(document.source for document in page.documents)
        token = page.next_page_token
        if token:
            other = pb.ListDocumentsRequest(collection="b", page_token=token)
            assert (await refused(knowledge.ListDocuments(other))).metadata["field"] == "page_token"
    assert sources == [document.source for document in documents]
    page = await knowledge.ListCollections(pb.ListCollectionsRequest(page_size=2))
    assert [collection.name for collection in page.collections] == ["a", "b"]
    page = await knowledge.ListCollections(pb.ListCollectionsRequest(page_size=2, page_token=page.next_page_token))
    assert ([collection.name for collection in page.collections], page.next_page_token) == (["c"], "")


ATTRIBUTES = {str(number): "" for number in range(33)}
BAD_CALLS = [
    ("BeginBuild", pb.BeginBuildRequest(), "collection", Reason.MISSING_FIELD),
    ("BeginBuild", pb.BeginBuildRequest(collection="x" * 129), "collection", Reason.INVALID_ARGUMENT),
    ("BeginBuild", pb.BeginBuildRequest(collection="c", attributes=ATTRIBUTES), "attributes", Reason.INVALID_ARGUMENT),
    (
        "BeginBuild",
        pb.BeginBuildRequest(collection="c", embedding_model="m" * 201),
        "embedding_model",
        Reason.INVALID_ARGUMENT,
    ),
    ("AttachDocuments", pb.AttachDocumentsRequest(documents=[DOCUMENT]), "build_id", Reason.MISSING_FIELD),
    ("AttachDocuments", pb.AttachDocumentsRequest(build_id="b"), "documents", Reason.MISSING_FIELD),
    (
        "AttachDocuments",
        pb.AttachDocumentsRequest(build_id="b", documents=[DOCUMENT] * 501),
        "documents",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "AttachDocuments",
        pb.AttachDocumentsRequest(build_id="b", documents=[pb.Document(digest="d")]),
        "documents.source",
        Reason.MISSING_FIELD,
    ),
    (
        "AttachDocuments",
        pb.AttachDocumentsRequest(build_id="b", documents=[pb.Document(source="x" * 1025, digest="d")]),
        "documents.source",
        Reason.INVALID_ARGUMENT,
    ),
    ("AddChunks", pb.AddChunksRequest(build_id="b"), "digest", Reason.MISSING_FIELD),
    (
        "AddChunks",
        pb.AddChunksRequest(build_id="b", digest="d", first_index=-1),
        "first_index",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "AddChunks",
        pb.AddChunksRequest(build_id="b", digest="d", chunks=[pb.Chunk()]),
        "chunks.text",
        Reason.MISSING_FIELD,
    ),
    (
        "AddChunks",
        pb.AddChunksRequest(build_id="b", digest="d", chunks=[pb.Chunk(text="x", vector=[0, 0])]),
        "chunks.vector",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "AddChunks",
        pb.AddChunksRequest(build_id="b", digest="d", chunks=[pb.Chunk(text="x", start_line=-1)]),
        "chunks.start_line",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "AddChunks",
        pb.AddChunksRequest(build_id="b", digest="d", chunks=[CHUNK], complete=True, unreadable=True),
        "unreadable",
        Reason.INVALID_ARGUMENT,
    ),
    (
        "AddChunks",
        pb.AddChunksRequest(build_id="b", digest="d", unreadable=True),
        "unreadable",
        Reason.INVALID_ARGUMENT,
    ),
    ("CommitBuild", pb.CommitBuildRequest(), "build_id", Reason.MISSING_FIELD),
    ("Search", pb.SearchRequest(query=" "), "query", Reason.MISSING_FIELD),
    ("Search", pb.SearchRequest(query="x", top_k=101), "top_k", Reason.INVALID_ARGUMENT),
    ("Search", pb.SearchRequest(query="x", vector=[float("nan")]), "vector", Reason.INVALID_ARGUMENT),
    ("Search", pb.SearchRequest(query="x", collections=[""]), "collections", Reason.MISSING_FIELD),
    ("GetCollection", pb.GetCollectionRequest(), "name", Reason.MISSING_FIELD),
    ("ListCollections", pb.ListCollectionsRequest(page_size=1001), "page_size", Reason.INVALID_ARGUMENT),
    ("ListCollections", pb.ListCollectionsRequest(page_token="%"), "page_token", Reason.INVALID_ARGUMENT),
    ("ListDocuments", pb.ListDocumentsRequest(), "collection", Reason.MISSING_FIELD),
    ("DeleteCollection", pb.DeleteCollectionRequest(), "name", Reason.MISSING_FIELD),
]


@pytest.mark.parametrize(("method", "request_message", "field", "reason"), BAD_CALLS)
async def test_bad_arguments_are_named(
    knowledge: rpc.KnowledgeServiceStub, method: str, request_message: object, field: str, reason: Reason
) -> None:
    error = await refused(getattr(knowledge, method)(request_message))
    assert (error.reason, dict(error.metadata)) == (reason, {"field": field})


LARGE_CALLS = [
    ("AddChunks", pb.AddChunksRequest(build_id="b", digest="d", chunks=[pb.Chunk(text="x" * ((64 << 10) + 1))])),
    ("AddChunks", pb.AddChunksRequest(build_id="b", digest="d", chunks=[pb.Chunk(text="é" * (64 << 10))])),
    ("AddChunks", pb.AddChunksRequest(build_id="b", digest="d", chunks=[pb.Chunk(text="x", heading="x" * 8193)])),
    ("AddChunks", pb.AddChunksRequest(build_id="b", digest="d", chunks=[pb.Chunk(text="x" * 60_000)] * 80)),
    ("Search", pb.SearchRequest(query="é" * ((16 << 10) + 1))),
    (
        "AttachDocuments",
        pb.AttachDocumentsRequest(
            build_id="b", documents=[pb.Document(source="s", digest="d", attributes={"k": "x" * 8192})]
        ),
    ),
]


@pytest.mark.parametrize(("method", "request_message"), LARGE_CALLS, ids=range(len(LARGE_CALLS)))
async def test_what_is_too_large_is_refused(
    knowledge: rpc.KnowledgeServiceStub, method: str, request_message: object
) -> None:
    error = await refused(getattr(knowledge, method)(request_message))
    assert error.reason is Reason.PAYLOAD_TOO_LARGE
    assert int(error.metadata["receivedBytes"]) > int(error.metadata["maxBytes"])


async def test_the_largest_answers_fit_into_a_message(knowledge: rpc.KnowledgeServiceStub) -> None:
    build_id = (await knowledge.BeginBuild(pb.BeginBuildRequest(collection="c"))).build_id
    documents = [
        pb.Document(source=f"{number:04}" + "日" * 1020, digest=str(number % 2), attributes={"k": "x" * 8191})
        for number in range(400)
    ]
    await knowledge.AttachDocuments(pb.AttachDocumentsRequest(build_id=build_id, documents=documents))
    for digest in "01":
        chunks = [pb.Chunk(text=f"apple {digest} {number} " + "x" * 64_000) for number in range(60)]
        await knowledge.AddChunks(pb.AddChunksRequest(build_id=build_id, digest=digest, chunks=chunks, complete=True))
    await knowledge.CommitBuild(pb.CommitBuildRequest(build_id=build_id))
    found = await knowledge.Search(pb.SearchRequest(query="apple", top_k=100))
    assert 90 < len(found.results) < 100
    page = await knowledge.ListDocuments(pb.ListDocumentsRequest(collection="c", page_size=1000))
    assert 100 < len(page.documents) < 400
    assert page.next_page_token
