"""Puts the gateway together."""

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from aiohttp import web

from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Assistant
from quintet_gateway.dialects.aegis import Aegis
from quintet_gateway.dialects.nexus import Nexus
from quintet_gateway.dialects.nexus.access import ApiKeys
from quintet_gateway.dialects.nexus.routes import StreamTimes
from quintet_gateway.dialects.omni import Omni, OmniOptions
from quintet_gateway.dialects.omni.options import Generation
from quintet_gateway.dialects.quillium import Quillium, QuilliumOptions
from quintet_gateway.dialects.sight import Sight, SightOptions
from quintet_gateway.http import own_routes, surfaces
from quintet_gateway.http.body import PACE, Pace
from quintet_gateway.http.client_address import ClientAddress
from quintet_gateway.http.closed_surfaces import close_surface
from quintet_gateway.http.cors import OriginRule
from quintet_gateway.http.drain import DRAIN, Drain
from quintet_gateway.http.entry import Entry
from quintet_gateway.http.hosts import HostRule
from quintet_gateway.http.key_checks import KeyChecks
from quintet_gateway.http.rate_limits import RateLimiter
from quintet_gateway.http.surfaces import Surface, SurfaceTable
from quintet_gateway.http.upload_budget import UPLOAD_BUDGET, UploadBudget
from quintet_gateway.settings import GatewaySettings


class Dialect(Protocol):
    """One public API: its surface for the plumbing, and its endpoints."""

    surface: Surface

    def add_routes(self, app: web.Application) -> None:
        """Adds the endpoints."""


def _create_limiter(settings: GatewaySettings) -> RateLimiter | None:
    return RateLimiter() if settings.limits == "documented" else None


def _create_nexus(settings: GatewaySettings) -> Nexus:
    times = StreamTimes(settings.stream_silence_s, settings.stream_write_s, settings.word_pause_ms / 1000)
    limiter = _create_limiter(settings)
    keys = ApiKeys([key.get_secret_value() for key in settings.nexus_api_keys], KeyChecks(limiter))
    return Nexus(keys, limiter, times)


def _create_aegis(settings: GatewaySettings) -> Aegis:
    return Aegis(settings.aegis_silence_s, settings.stream_write_s)


def _create_quillium(settings: GatewaySettings) -> Quillium:
    return Quillium(QuilliumOptions(_create_limiter(settings), settings.websocket_rules, os.environ))


def _create_omni(settings: GatewaySettings) -> Omni:
    options = OmniOptions(
        limiter=_create_limiter(settings),
        requests_per_minute=settings.omni_requests_per_minute,
        max_sessions=settings.omni_max_sessions,
        idle_s=settings.omni_idle_s,
        key_check_s=settings.omni_key_check_s,
        websockets=settings.websocket_rules,
        generation=Generation(settings.omni_temperature, settings.omni_max_new_tokens),
    )
    return Omni(options)


def _create_sight(settings: GatewaySettings) -> Sight:
    idle = timedelta(seconds=settings.sight_session_idle_s)
    return Sight(
        SightOptions(
            settings.sight_requests_per_minute if settings.limits == "documented" else 0, idle, settings.stream_write_s
        )
    )


CreateDialect = Callable[[GatewaySettings], Dialect]
DIALECTS: Sequence[CreateDialect] = (_create_nexus, _create_quillium, _create_omni, _create_aegis, _create_sight)
"""Every API that the gateway speaks."""


def build_app(
    settings: GatewaySettings, assistant: Assistant, dialects: Sequence[CreateDialect] = DIALECTS
) -> web.Application:
    """Returns the application; call it inside of the event loop that will run it."""
    app = web.Application()
    app[ASSISTANT] = assistant
    app[DRAIN] = Drain()
    app[PACE] = Pace(silence_s=settings.body_silence_s)
    app[UPLOAD_BUDGET] = UploadBudget(settings.upload_memory_mib << 20, settings.upload_wait_s)
    spoken = [create(settings) for create in dialects]
    own = (surfaces.OWN, surfaces.PROBES, surfaces.UNOWNED_VERSIONS)
    checks = KeyChecks(_create_limiter(settings))
    public = [close_surface(one.surface, checks) if settings.require_credentials else one.surface for one in spoken]
    Entry(
        SurfaceTable((*own, *public)),
        HostRule(settings.allowed_hosts),
        OriginRule(settings.allowed_origins),
        ClientAddress(settings.trusted_proxies),
    ).install(app)
    own_routes.add_routes(app)
    for dialect in spoken:
        dialect.add_routes(app)
    return app
