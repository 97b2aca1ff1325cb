"""Collections of documents: index, search, read, delete."""

from aiohttp import web

from quintet_errors import DomainError, Reason
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.dialects.aegis.errors import AegisError, describe, failed, invalid, not_found
from quintet_gateway.dialects.aegis.routes.endpoint import Endpoint
from quintet_gateway.dialects.aegis.schemas import documents as schemas
from quintet_gateway.dialects.aegis.translate import documents as translate
from quintet_gateway.http.large_json import MANY_ITEMS, JsonThreads


class DocumentRoutes:
    """The endpoints under `/rag`."""

    def __init__(self, answers: JsonThreads) -> None:
        self._answers = answers

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [
            Endpoint("POST", "/rag/index", _index),
            Endpoint("POST", "/rag/search", self._search),
            Endpoint("GET", "/rag/collections", _list),
            Endpoint("GET", "/rag/collections/{name:[^/]+}", _read),
            Endpoint("GET", "/rag/collections/{name:[^/]+}/files", self._files),
            Endpoint("DELETE", "/rag/collections/{name:[^/]+}", _delete),
            Endpoint("GET", "/rag/health", _health),
        ]

    async def _search(self, request: web.Request) -> web.Response:
        asked = await schemas.read_search(request)
        try:
            results = await request.app[ASSISTANT].knowledge.search(
                asked.query, (asked.collection,), asked.top_k, asked.attributes
            )
        except DomainError as error:
            raise _worded("Search failed", asked.collection, error) from None
        # Fifty chunks of the largest size are megabytes.
        return await self._answers.respond(lambda: translate.found(asked, results), large=len(results) > _FEW_CHUNKS)

    async def _files(self, request: web.Request) -> web.Response:
        name = _name(request)
        try:
            documents = await request.app[ASSISTANT].knowledge.documents(name)
        except DomainError as error:
            raise _worded("Failed to list files", name, error) from None
        return await self._answers.respond(lambda: translate.files(name, documents), large=len(documents) > MANY_ITEMS)


_FEW_CHUNKS = 10


async def _index(request: web.Request) -> web.Response:
    asked = await schemas.read_index_request(request)
    try:
        report = await request.app[ASSISTANT].knowledge.index(asked)
    except DomainError as error:
        if error.metadata.get("field") == "path":
            told = f"Failed to load documents: {error.message} (looked in the configured folders, see /rag/health)"
            raise invalid(told) from None
        raise _worded("Indexing failed", asked.collection, error) from None
    return web.json_response(translate.indexed(report))


async def _list(request: web.Request) -> web.Response:
    try:
        collections = await request.app[ASSISTANT].knowledge.collections()
    except DomainError as error:
        raise failed("Failed to list collections", error) from None
    return web.json_response([one.name for one in collections])


async def _read(request: web.Request) -> web.Response:
    knowledge, name = request.app[ASSISTANT].knowledge, _name(request)
    try:
        collection = await knowledge.collection(name)
    except DomainError as error:
        raise _worded("Failed to get collection", name, error) from None
    return web.json_response(translate.collection(collection, knowledge.progress()))


async def _delete(request: web.Request) -> web.Response:
    name = _name(request)
    try:
        await request.app[ASSISTANT].knowledge.delete(name)
    except DomainError as error:
        raise _worded("Failed to delete collection", name, error) from None
    return web.json_response({"deleted": True, "collection_name": name})


async def _health(request: web.Request) -> web.Response:
    knowledge = request.app[ASSISTANT].knowledge
    try:
        state = await knowledge.state()
    except DomainError as error:
        return web.json_response({"service": "rag", "status": "error", "error": describe(error).sentence})
    return web.json_response(translate.health(state, knowledge.progress()))


def _name(request: web.Request) -> str:
    name = request.match_info["name"]
    if not schemas.is_name(name):
        raise _unknown(name)
    return name


def _worded(what: str, collection: str, error: DomainError) -> AegisError:
    return _unknown(collection) if error.reason is Reason.COLLECTION_NOT_FOUND else failed(what, error)


def _unknown(name: str) -> AegisError:
    return not_found(f"Collection '{name}' not found")
