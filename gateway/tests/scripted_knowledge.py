"""The knowledge and the embedding service, scripted."""

import asyncio
import hashlib
from collections import defaultdict
from contextlib import asynccontextmanager

from quintet.embedding.v1 import embedding_service_pb2 as embedding_pb
from quintet.embedding.v1 import embedding_service_pb2_grpc as embedding_rpc
from quintet.knowledge.v1 import knowledge_service_pb2 as pb
from quintet.knowledge.v1 import knowledge_service_pb2_grpc as rpc
from quintet.media.v1.engine_pb2 import Engine, Limitation
from quintet_errors import DomainError, Reason
from quintet_gateway.assistant.knowledge import Knowledge
from quintet_gateway.assistant.knowledge.extractor import Extractor
from quintet_gateway.clients.embedding import EmbeddingClient
from quintet_gateway.clients.knowledge import KnowledgeClient
from quintet_testing import serve


class ScriptedKnowledge(rpc.KnowledgeServiceServicer):
    """Keeps builds and collections in memory, and fails on demand."""

    def __init__(self):
        self.known = {}
        self.builds = {}
        self.collections = {}
        self.aborted = []
        self.added = []
        self.listed = 0
        self.failures = defaultdict(list)
        self.results = []
        self.searches = []

    def _fail(self, call):
        if self.failures[call]:
            raise self.failures[call].pop(0)

    async def BeginBuild(self, request, context):
        self._fail("begin")
        build_id = f"b{len(self.builds)}"
        self.builds[build_id] = {"name": request.collection, "model": request.embedding_model, "documents": {}}
        return pb.BeginBuildResponse(build_id=build_id)

    async def AttachDocuments(self, request, context):
        self._fail("attach")
        assert 1 <= len(request.documents) <= 500
        build = self.builds[request.build_id]
        for document in request.documents:
            assert document.source not in build["documents"]
            build["documents"][document.source] = document
        digests = {document.digest for document in request.documents}
        return pb.AttachDocumentsResponse(missing_digests=sorted(digests - self.known.keys()))

    async def AddChunks(self, request, context):
        self._fail("add")
        build = self.builds[request.build_id]
        chunks = build.setdefault("chunks", defaultdict(list))[request.digest]
        assert len(chunks) == request.first_index
        chunks.extend(request.chunks)
        self.added.append(request.digest)
        if request.unreadable:
            kept = {s: d for s, d in build["documents"].items() if d.digest != request.digest}
            build["documents"] = kept
        elif request.complete:
            self.known[request.digest] = chunks
        return pb.AddChunksResponse()

    async def CommitBuild(self, request, context):
        self._fail("commit")
        build = self.builds.pop(request.build_id)
        assert all(document.digest in self.known for document in build["documents"].values())
        self.collections[build["name"]] = build
        return pb.CommitBuildResponse(collection=self._collection(build["name"]))

    async def AbortBuild(self, request, context):
        self._fail("abort")
        self.aborted.append(request.build_id)
        self.builds.pop(request.build_id, None)
        return pb.AbortBuildResponse()

    async def Search(self, request, context):
        self._fail("search")
        self.searches.append(request)
        return pb.SearchResponse(results=self.results)

    async def ListCollections(self, request, context):
        self._fail("list")
        self.listed += 1
        names = sorted(self.collections)
        start = int(request.page_token or 0)
        page = names[start : start + (request.page_size or 100)]
        more = str(start + len(page)) if start + len(page) < len(names) else ""
        return pb.ListCollectionsResponse(collections=map(self._collection, page), next_page_token=more)

    async def ListDocuments(self, request, context):
        documents = self.chunks_of(request.collection)
        start = int(request.page_token or 0)
        page = [pb.DocumentSummary(source=s, chunk_count=len(c)) for s, c in sorted(documents.items())][
            start : start + 2
        ]
        more = str(start + 2) if start + 2 < len(documents) else ""
        return pb.ListDocumentsResponse(documents=page, next_page_token=more)

    async def DeleteCollection(self, request, context):
        if request.name not in self.collections:
            raise DomainError(Reason.COLLECTION_NOT_FOUND, "Not found.", {"collection": request.name})
        del self.collections[request.name]
        return pb.DeleteCollectionResponse()

    def chunks_of(self, name):
        return {s: self.known[d.digest] for s, d in self.collections[name]["documents"].items()}

    def attributes_of(self, name, source):
        return dict(self.collections[name]["documents"][source].attributes)

    def _collection(self, name):
        chunks = self.chunks_of(name)
        known = pb.Collection(name=name, document_count=len(chunks), chunk_count=sum(map(len, chunks.values())))
        if changed := self.collections[name].get("changed"):
            known.update_time.FromDatetime(changed)
        return known


class ScriptedEmbedding(embedding_rpc.EmbeddingServiceServicer):
    """Gives each text a vector of its own; without a model it says so."""

    def __init__(self):
        self.model = "scripted-1"
        self.embedded = []
        self.queries = []
        self.failures = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    async def EmbedTexts(self, request, context):
        if self.failures:
            raise self.failures.pop(0)
        if not self.model:
            raise DomainError(Reason.MODEL_NOT_INSTALLED, "No embedding model is installed.")
        assert 1 <= len(request.texts) <= 64
        assert all(text.strip() and len(text.encode()) <= 32 << 10 for text in request.texts)
        self.waiting += 1
        await self.gate.wait()
        is_query = request.purpose == request.PURPOSE_QUERY
        (self.queries if is_query else self.embedded).extend(request.texts)
        vectors = [embedding_pb.Embedding(values=vector_of(text)) for text in request.texts]
        return embedding_pb.EmbedTextsResponse(embeddings=vectors, model=self.model)

    async def GetEngine(self, request, context):
        if self.model:
            engine = Engine(name="onnx", kind=Engine.KIND_NEURAL, model=self.model)
            return embedding_pb.GetEngineResponse(engine=engine, dimensions=2)
        limit = Limitation(subject="model", explanation="None.", remedy="quintet models pull all-minilm-l6-v2")
        return embedding_pb.GetEngineResponse(engine=Engine(name="none", limitations=[limit]))


def vector_of(text):
    angle = hashlib.sha256(text.encode()).digest()[0] / 255
    return [angle, (1 - angle**2) ** 0.5]


@asynccontextmanager
async def opened(store, embedding, folder, **options):
    """Opens the documents of a folder, with the scripted services behind them."""

    def register(server):
        rpc.add_KnowledgeServiceServicer_to_server(store, server)
        embedding_rpc.add_EmbeddingServiceServicer_to_server(embedding, server)
        return []

    async with serve(register) as channel:
        extractor = Extractor(workers=1, file_s=20)
        clients = KnowledgeClient(channel), EmbeddingClient(channel)
        room = Knowledge(*clients, [folder], max_files=6000, extractor=extractor, **options)
        yield room
        await room.close()


def write(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
