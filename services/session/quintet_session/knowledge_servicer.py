"""quintet.knowledge.v1 over a store."""

import asyncio

from quintet.knowledge.v1 import knowledge_service_pb2 as pb
from quintet.knowledge.v1 import knowledge_service_pb2_grpc as rpc
from quintet_rpc.context import Context
from quintet_session import knowledge_validation, page_tokens, validation
from quintet_session.knowledge_store import CollectionRecord, Hit, KnowledgeStore, PageLimits
from quintet_session.translate import to_timestamp

# A page ends early rather than outgrow the largest gRPC message.
_LARGEST_PAGE_BYTES = 4 << 20
# Each addition may be megabytes of numbers; more of them at a time would take the processor from everybody else.
_ADDITIONS_AT_A_TIME = 2


class KnowledgeServicer(rpc.KnowledgeServiceServicer):
    """Checks arguments, asks the store, and translates."""

    def __init__(self, store: KnowledgeStore) -> None:
        self._store = store
        self._translating = asyncio.Semaphore(_ADDITIONS_AT_A_TIME)

    async def BeginBuild(self, request: pb.BeginBuildRequest, context: Context) -> pb.BeginBuildResponse:
        """Begins the next state of a collection."""
        return pb.BeginBuildResponse(build_id=await self._store.begin_build(knowledge_validation.build(request)))

    async def AttachDocuments(self, request: pb.AttachDocumentsRequest, context: Context) -> pb.AttachDocumentsResponse:
        """Adds documents to a build."""
        build_id = knowledge_validation.build_id(request.build_id)
        documents = knowledge_validation.documents(request.documents)
        return pb.AttachDocumentsResponse(missing_digests=await self._store.attach_documents(build_id, documents))

    async def AddChunks(self, request: pb.AddChunksRequest, context: Context) -> pb.AddChunksResponse:
        """Adds chunks to an attached document."""
        build_id = knowledge_validation.build_id(request.build_id)
        async with self._translating:
            chunks = await asyncio.to_thread(knowledge_validation.chunks, request)
        await self._store.add_chunks(build_id, chunks)
        return pb.AddChunksResponse()

    async def CommitBuild(self, request: pb.CommitBuildRequest, context: Context) -> pb.CommitBuildResponse:
        """Makes a build the state of its collection."""
        collection = await self._store.commit_build(knowledge_validation.build_id(request.build_id))
        return pb.CommitBuildResponse(collection=_to_collection(collection))

    async def AbortBuild(self, request: pb.AbortBuildRequest, context: Context) -> pb.AbortBuildResponse:
        """Gives a build up."""
        await self._store.abort_build(knowledge_validation.build_id(request.build_id))
        return pb.AbortBuildResponse()

    async def Search(self, request: pb.SearchRequest, context: Context) -> pb.SearchResponse:
        """Finds the chunks that fit best."""
        hits = await self._store.search(knowledge_validation.query(request))
        return pb.SearchResponse(results=[_to_result(hit) for hit in hits])

    async def ListCollections(self, request: pb.ListCollectionsRequest, context: Context) -> pb.ListCollectionsResponse:
        """Returns one page of the collections."""
        page = await self._store.list_collections(_limits(request.page_size, request.page_token, "collections"))
        return pb.ListCollectionsResponse(
            collections=[_to_collection(collection) for collection in page.collections],
            next_page_token=page_tokens.encode_name(page.next_name, "collections"),
        )

    async def GetCollection(self, request: pb.GetCollectionRequest, context: Context) -> pb.GetCollectionResponse:
        """Returns one collection."""
        collection = await self._store.get_collection(knowledge_validation.collection(request.name, "name"))
        return pb.GetCollectionResponse(collection=_to_collection(collection))

    async def ListDocuments(self, request: pb.ListDocumentsRequest, context: Context) -> pb.ListDocumentsResponse:
        """Returns one page of the documents of a collection."""
        collection = knowledge_validation.collection(request.collection)
        listing = ("documents", collection)
        page = await self._store.list_documents(collection, _limits(request.page_size, request.page_token, *listing))
        return pb.ListDocumentsResponse(
            documents=[
                pb.DocumentSummary(
                    source=document.source, chunk_count=document.chunk_count, attributes=document.attributes
                )
                for document in page.documents
            ],
            next_page_token=page_tokens.encode_name(page.next_source, *listing),
        )

    async def DeleteCollection(
        self, request: pb.DeleteCollectionRequest, context: Context
    ) -> pb.DeleteCollectionResponse:
        """Deletes a collection with its documents."""
        await self._store.delete_collection(knowledge_validation.collection(request.name, "name"))
        return pb.DeleteCollectionResponse()


def _limits(page_size: int, page_token: str, *listing: str) -> PageLimits:
    after = page_tokens.decode_name(page_token, *listing)
    return PageLimits(validation.page_size(page_size), _LARGEST_PAGE_BYTES, after)


def _to_collection(record: CollectionRecord) -> pb.Collection:
    return pb.Collection(
        name=record.name,
        document_count=record.document_count,
        chunk_count=record.chunk_count,
        embedding_model=record.embedding_model,
        attributes=record.attributes,
        update_time=to_timestamp(record.update_us),
    )


def _to_result(hit: Hit) -> pb.SearchResult:
    return pb.SearchResult(
        collection=hit.collection,
        source=hit.source,
        attributes=hit.attributes,
        chunk=pb.Chunk(
            text=hit.chunk.text,
            heading=hit.chunk.heading,
            start_line=hit.chunk.start_line,
            end_line=hit.chunk.end_line,
        ),
        chunk_index=hit.chunk_index,
        chunk_count=hit.chunk_count,
        score=hit.score,
        similarity=hit.similarity,
        word_share=hit.word_share,
    )
