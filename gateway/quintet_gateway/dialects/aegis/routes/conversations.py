"""Conversations, and what the service says about itself."""

from aiohttp import web

from quintet.media.v1.engine_pb2 import Engine
from quintet_errors import DomainError, Reason
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Assistant
from quintet_gateway.dialects.aegis import ids
from quintet_gateway.dialects.aegis.errors import conversation_not_found, describe
from quintet_gateway.dialects.aegis.owner import SURFACE
from quintet_gateway.dialects.aegis.routes.chat import refusal
from quintet_gateway.dialects.aegis.routes.endpoint import Endpoint
from quintet_gateway.dialects.aegis.schemas import chat as schemas
from quintet_gateway.dialects.aegis.translate import chat as translate
from quintet_gateway.http.large_json import LARGE_BYTES, MANY_ITEMS, JsonThreads


class ConversationRoutes:
    """The endpoints that read."""

    def __init__(self, answers: JsonThreads) -> None:
        self._answers = answers

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [
            Endpoint("GET", "/ai/conversations", self._list),
            Endpoint("GET", "/ai/conversations/{conversation_id:[^/]+}", self._read),
            Endpoint("GET", "/ai/health", _health),
            Endpoint("GET", "/ai/version", _version),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        owner, limit = schemas.read_owner(request), schemas.read_limit(request)
        assistant = request.app[ASSISTANT]
        sessions, _total = await assistant.sessions.page(owner, limit)
        live = await _live_engine(assistant)
        return await self._answers.respond(
            lambda: [translate.listed(session, live) for session in sessions], large=len(sessions) > MANY_ITEMS
        )

    async def _read(self, request: web.Request) -> web.Response:
        owner = schemas.read_owner(request)
        conversation_id = schemas.check_conversation_id(request.match_info["conversation_id"])
        session_id = ids.session_id_of(conversation_id)
        if session_id is None:
            raise conversation_not_found(conversation_id)
        assistant = request.app[ASSISTANT]
        try:
            session, messages = await assistant.sessions.messages(owner, session_id)
        except DomainError as error:
            if error.reason is not Reason.SESSION_NOT_FOUND:
                raise
            raise await refusal(assistant, conversation_id) from None
        live = await _live_engine(assistant)
        return await self._answers.respond(
            lambda: translate.conversation(session, messages, live, owner.owner),
            large=len(messages) > MANY_ITEMS or sum(len(one.content) for one in messages) > LARGE_BYTES,
        )


async def _health(request: web.Request) -> web.Response:
    assistant = request.app[ASSISTANT]
    try:
        services = await assistant.health.services()
        count = await assistant.sessions.count(SURFACE)
    except DomainError as error:
        return web.json_response({"service": "ai", "status": "error", "error": describe(error).sentence})
    return web.json_response(translate.health(services, count))


async def _version(_request: web.Request) -> web.Response:
    return web.json_response(translate.VERSION)


async def _live_engine(assistant: Assistant) -> Engine | None:
    """Returns the engine that conversations without an answer name; a service that is away leaves them without."""
    try:
        return await assistant.models.engine()
    except DomainError:
        return None
