"""The endpoints: look, forget, tell about a session, and say how the services are."""

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from limits import RateLimitItemPerMinute

from quintet_errors import DomainError
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.dialects.sight import schemas, translate
from quintet_gateway.dialects.sight.analysis import Analysis
from quintet_gateway.dialects.sight.errors import SightError, render, session_not_found
from quintet_gateway.dialects.sight.refusals import Refusals
from quintet_gateway.dialects.sight.sessions import SURFACE, SightSessions
from quintet_gateway.http.client_address import allowance_key
from quintet_gateway.http.entry import CLIENT
from quintet_gateway.http.rate_limits import Allowance, MovingLimiter, RateLimitedError
from quintet_gateway.http.routing import add_route
from quintet_gateway.http.surfaces import Keyless, Surface
from quintet_observability import get_logger

_log = get_logger(__name__)

_PREFIXES = (("",), ("api", "v1", "health"), ("api", "v1", "analyze"), ("api", "v1", "session"))
_OPEN_PATHS = frozenset({"", "/api/v1/health"})


@dataclass(frozen=True)
class SightOptions:
    """What an operator chooses; 0 requests mean any number. `write_s` is how long a client may not read."""

    requests_per_minute: int = 10
    session_idle: timedelta = timedelta(minutes=30)
    write_s: float = 20.0


class Sight:
    """The surface and its handlers."""

    def __init__(self, options: SightOptions) -> None:
        self.surface = Surface(
            SURFACE, _PREFIXES, render, open_to_origins=True, keyless=Keyless(_OPEN_PATHS), tells_time=True
        )
        self._limiter = _limiter(options.requests_per_minute)
        self._sessions = SightSessions(options.session_idle)
        self._refusals = Refusals(self._sessions)
        self._analysis = Analysis(self._sessions, self._refusals, self.spend, options.write_s)

    def add_routes(self, app: web.Application) -> None:
        """Adds the endpoints."""
        add_route(app, "GET", "/api/v1/health", self._health)
        add_route(app, "POST", "/api/v1/analyze", self._analysis.handle)
        add_route(app, "POST", "/api/v1/session/reset", self._reset)
        add_route(app, "GET", "/api/v1/session/{session_id:[^/]+}", self._session)
        app.router.add_get("/", self._about)

    async def spend(self, request: web.Request, session_id: str) -> None:
        """Spends a request of a session, or of an address where none can be read.

        Raises:
            RateLimitedError: if there was none left.
        """
        if self._limiter is not None:
            known = schemas.is_session_id(session_id)
            key = f"session:{session_id}" if known else f"address:{allowance_key(request[CLIENT])}"
            await self._limiter.spend(key)

    async def _about(self, _request: web.Request) -> web.Response:
        return web.json_response(translate.SERVICE)

    async def _health(self, request: web.Request) -> web.Response:
        status, body = translate.health(await request.app[ASSISTANT].health.services())
        return web.json_response(body, status=status)

    async def _session(self, request: web.Request) -> web.Response:
        session_id = request.match_info["session_id"]
        found = None
        if schemas.is_session_id(session_id):
            found = await self._sessions.newest_messages(request.app[ASSISTANT], session_id)
        if found is None:
            raise session_not_found()
        return web.json_response(translate.session(session_id, *found))

    async def _reset(self, request: web.Request) -> web.StreamResponse:
        session_id = ""
        try:
            try:
                session_id = await schemas.read_reset(request)
            finally:
                await self.spend(request, session_id)
            await self._sessions.forget(request.app[ASSISTANT], session_id)
        except RateLimitedError as refusal:
            return await self._refusals.answer(request, session_id, refusal)
        except DomainError as error:
            _log.error("reset_failed", reason=error.reason.value)
            raise SightError("Failed to reset session", 500) from None
        told = {"status": "success", "session_id": session_id, "message": "Session reset successfully"}
        return web.json_response(told)


def _limiter(requests_per_minute: int) -> MovingLimiter | None:
    if not requests_per_minute:
        return None
    return MovingLimiter(Allowance(SURFACE, RateLimitItemPerMinute(requests_per_minute)))
