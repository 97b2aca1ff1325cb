"""Sessions: create, look, list, clear, delete."""

from aiohttp import web

from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.dialects.omni import schemas, translate
from quintet_gateway.dialects.omni.access import owner_of
from quintet_gateway.dialects.omni.routes.endpoint import Endpoint
from quintet_gateway.dialects.omni.session_keeping import create_session, delete_session


class Sessions:
    """The endpoints of sessions."""

    def __init__(self, max_sessions: int) -> None:
        self._max_sessions = max_sessions

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [
            ("POST", "/session", self._create),
            ("GET", "/session/{session_id}", _get),
            ("DELETE", "/session/{session_id}", _delete),
            ("POST", "/session/{session_id}/clear", _clear),
            ("GET", "/sessions", _list),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        owner, terms = owner_of(request), await schemas.read_terms(request)
        session = await create_session(request.app[ASSISTANT], owner, terms, self._max_sessions)
        return web.json_response(translate.session(session))


async def _get(request: web.Request) -> web.Response:
    owner, session_id = owner_of(request), schemas.read_session_id(request)
    return web.json_response(translate.session(await request.app[ASSISTANT].sessions.get(owner, session_id)))


async def _delete(request: web.Request) -> web.Response:
    owner, session_id = owner_of(request), schemas.read_session_id(request)
    await delete_session(request.app[ASSISTANT], owner, session_id)
    return web.json_response(translate.done("deleted", session_id))


async def _clear(request: web.Request) -> web.Response:
    owner, session_id = owner_of(request), schemas.read_session_id(request)
    await request.app[ASSISTANT].sessions.clear(owner, session_id)
    return web.json_response(translate.done("cleared", session_id))


async def _list(request: web.Request) -> web.Response:
    return web.json_response(translate.sessions(await request.app[ASSISTANT].sessions.list_all(owner_of(request))))
