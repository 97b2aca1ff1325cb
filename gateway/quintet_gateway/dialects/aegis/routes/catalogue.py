"""The catalogue of models, and the model that is live."""

from aiohttp import web

from quintet_errors import DomainError
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.dialects.aegis.errors import AegisError, failed
from quintet_gateway.dialects.aegis.routes.endpoint import Endpoint
from quintet_gateway.dialects.aegis.schemas.catalogue import read_model_query
from quintet_gateway.dialects.aegis.translate import catalogue as translate
from quintet_gateway.dialects.aegis.translate.chat import model_of, provider_of


class CatalogueRoutes:
    """The endpoints under `/llm`."""

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoints."""
        return [
            Endpoint("GET", "/llm/status", _status),
            Endpoint("GET", "/llm/vendors", _vendors),
            Endpoint("GET", "/llm/modalities", _modalities),
            Endpoint("GET", "/llm/models", _models),
            Endpoint("GET", "/llm/current", _current),
        ]


async def _status(request: web.Request) -> web.Response:
    try:
        status = await request.app[ASSISTANT].catalogue.status()
    except DomainError as error:
        raise _unknown("get catalog status", error) from None
    return web.json_response(translate.status(status))


async def _vendors(request: web.Request) -> web.Response:
    try:
        vendors = await request.app[ASSISTANT].catalogue.vendors()
    except DomainError as error:
        raise _unknown("list vendors", error) from None
    return web.json_response(translate.vendors(vendors))


async def _modalities(request: web.Request) -> web.Response:
    try:
        modalities = await request.app[ASSISTANT].catalogue.modalities()
    except DomainError as error:
        raise _unknown("list modalities", error) from None
    return web.json_response(translate.modalities(modalities))


async def _models(request: web.Request) -> web.Response:
    asked = read_model_query(request)
    try:
        entries = await request.app[ASSISTANT].catalogue.search(
            asked.pattern, asked.vendor, asked.modality, asked.limit, include_disabled=asked.include_disabled
        )
    except DomainError as error:
        raise _unknown("list models", error) from None
    return web.json_response([translate.model(entry) for entry in entries])


async def _current(request: web.Request) -> web.Response:
    assistant = request.app[ASSISTANT]
    try:
        engine = await assistant.models.engine()
        entry = await assistant.catalogue.find(provider_of(engine), model_of(engine))
    except DomainError as error:
        raise failed("Failed to get current model", error, status=503) from None
    return web.json_response(translate.current(engine, entry))


def _unknown(what: str, error: DomainError) -> AegisError:
    return failed(f"Failed to {what}", error, passing=500)
