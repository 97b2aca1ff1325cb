"""Client of quintet.knowledge.v1."""

from collections.abc import Sequence

import grpc

from quintet.knowledge.v1 import knowledge_service_pb2 as pb
from quintet.knowledge.v1 import knowledge_service_pb2_grpc as rpc
from quintet_rpc.calls import call_unary
from quintet_rpc.channel import READ_DEADLINE_S, UPLOAD_DEADLINE_S, WRITE_DEADLINE_S


class KnowledgeClient:
    """Typed calls; each raises DomainError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.KnowledgeServiceStub(channel)

    async def begin(self, request: pb.BeginBuildRequest) -> str:
        """Begins the next state of a collection and returns the id of the build."""
        return (await call_unary(self._stub.BeginBuild, request, deadline_s=WRITE_DEADLINE_S)).build_id

    async def attach(self, build_id: str, documents: Sequence[pb.Document]) -> frozenset[str]:
        """Adds at most 500 documents and returns the digests whose chunks are not known."""
        request = pb.AttachDocumentsRequest(build_id=build_id, documents=documents)
        response = await call_unary(self._stub.AttachDocuments, request, deadline_s=WRITE_DEADLINE_S)
        return frozenset(response.missing_digests)

    async def add(self, request: pb.AddChunksRequest) -> None:
        """Adds chunks to a document; repeating it is harmless."""
        await call_unary(self._stub.AddChunks, request, deadline_s=WRITE_DEADLINE_S)

    async def commit(self, build_id: str) -> pb.Collection:
        """Makes a build the state of its collection; a large one takes its time."""
        request = pb.CommitBuildRequest(build_id=build_id)
        return (await call_unary(self._stub.CommitBuild, request, deadline_s=UPLOAD_DEADLINE_S)).collection

    async def abort(self, build_id: str) -> None:
        """Gives a build up."""
        request = pb.AbortBuildRequest(build_id=build_id)
        await call_unary(self._stub.AbortBuild, request, deadline_s=WRITE_DEADLINE_S)

    async def search(self, request: pb.SearchRequest) -> list[pb.SearchResult]:
        """Returns the chunks that fit best."""
        return list((await call_unary(self._stub.Search, request, deadline_s=READ_DEADLINE_S)).results)

    async def collections_page(self, page_size: int, page_token: str = "") -> pb.ListCollectionsResponse:
        """Returns one page of the collections, by name."""
        request = pb.ListCollectionsRequest(page_size=page_size, page_token=page_token)
        return await call_unary(self._stub.ListCollections, request, deadline_s=READ_DEADLINE_S)

    async def collection(self, name: str) -> pb.Collection:
        """Returns one collection."""
        request = pb.GetCollectionRequest(name=name)
        return (await call_unary(self._stub.GetCollection, request, deadline_s=READ_DEADLINE_S)).collection

    async def documents_page(self, collection: str, page_size: int, page_token: str = "") -> pb.ListDocumentsResponse:
        """Returns one page of a collection's documents, by source."""
        request = pb.ListDocumentsRequest(collection=collection, page_size=page_size, page_token=page_token)
        return await call_unary(self._stub.ListDocuments, request, deadline_s=READ_DEADLINE_S)

    async def delete(self, name: str) -> None:
        """Deletes a collection."""
        request = pb.DeleteCollectionRequest(name=name)
        await call_unary(self._stub.DeleteCollection, request, deadline_s=WRITE_DEADLINE_S)
