"""Chats and their messages."""

from aiohttp import web

from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.dialects.quillium import schemas, translate
from quintet_gateway.dialects.quillium.access import caller_of, owner_of
from quintet_gateway.dialects.quillium.routes.endpoint import Endpoint
from quintet_gateway.dialects.quillium.routes.settings import default_model
from quintet_gateway.dialects.quillium.turns import Turns
from quintet_gateway.http.large_json import LARGE_BYTES, JsonThreads


class Chats:
    """The endpoints of chats."""

    def __init__(self, turns: Turns, threads: JsonThreads) -> None:
        self._turns = turns
        self._threads = threads

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [
            ("GET", "/chats", _list_chats),
            ("POST", "/chats", _create_chat),
            ("GET", "/chats/{chat_id}", _get_chat),
            ("DELETE", "/chats/{chat_id}", _delete_chat),
            ("GET", "/chats/{chat_id}/messages", self._list_messages),
            ("POST", "/chats/{chat_id}/messages", self._send_message),
        ]

    async def _list_messages(self, request: web.Request) -> web.Response:
        owner, session_id = owner_of(caller_of(request)), _session_id(request)
        asked = schemas.read_page(request)
        sessions = request.app[ASSISTANT].sessions
        session, messages = await sessions.messages_page(owner, session_id, asked.limit, asked.offset)

        def build() -> object:
            items = [translate.message(session_id, one) for one in messages]
            return translate.page(items, session.message_count, asked, _path(request))

        large = sum(len(one.content) for one in messages) > LARGE_BYTES
        return await self._threads.respond(build, large=large)

    async def _send_message(self, request: web.Request) -> web.Response:
        owner, session_id = owner_of(caller_of(request)), _session_id(request)
        content = schemas.read_content(await schemas.read_object(request))
        done = await self._turns.exchange(request.app, owner, session_id, content)
        return web.json_response({**done.question, "reply": done.reply}, status=201)


async def _list_chats(request: web.Request) -> web.Response:
    owner, asked = owner_of(caller_of(request)), schemas.read_page(request)
    sessions, total = await request.app[ASSISTANT].sessions.page(owner, asked.limit, asked.offset)
    items = [translate.chat(session) for session in sessions]
    return web.json_response(translate.page(items, total, asked, _path(request)))


async def _create_chat(request: web.Request) -> web.Response:
    owner = owner_of(caller_of(request))
    asked = schemas.read_new_chat(await schemas.read_optional_object(request))
    assistant = request.app[ASSISTANT]
    model = asked.model or await default_model(assistant.identity)
    attributes = {translate.MODEL_ATTRIBUTE: model}
    session = await assistant.sessions.create(owner, asked.title or translate.NEW_TITLE, attributes)
    return web.json_response(translate.chat(session), status=201)


async def _get_chat(request: web.Request) -> web.Response:
    owner, session_id = owner_of(caller_of(request)), _session_id(request)
    return web.json_response(translate.chat_details(await request.app[ASSISTANT].sessions.get(owner, session_id)))


async def _delete_chat(request: web.Request) -> web.Response:
    owner, session_id = owner_of(caller_of(request)), _session_id(request)
    await request.app[ASSISTANT].sessions.delete(owner, session_id)
    return web.json_response({"message": "Chat deleted successfully"})


def _session_id(request: web.Request) -> str:
    return schemas.session_id_of(request.match_info["chat_id"])


def _path(request: web.Request) -> str:
    """Returns the path as the client wrote it, so that the links of a page lead where it came from."""
    return request.rel_url.raw_path.rstrip("/")
