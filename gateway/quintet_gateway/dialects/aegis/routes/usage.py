"""What calls of models cost."""

import asyncio

from aiohttp import web

from quintet.usage.v1.usage_service_pb2 import SummarizeUsageRequest, UsageSummary
from quintet_errors import DomainError
from quintet_gateway.app_keys import ASSISTANT
from quintet_gateway.assistant import Assistant
from quintet_gateway.dialects.aegis.errors import AegisError, AegisProblem
from quintet_gateway.dialects.aegis.json_values import Json
from quintet_gateway.dialects.aegis.routes.endpoint import Endpoint
from quintet_gateway.dialects.aegis.schemas.usage import UsageQuery, read_usage_query
from quintet_gateway.dialects.aegis.translate import usage as translate
from quintet_gateway.http.failures import log_untold


class UsageRoutes:
    """The endpoint of usage statistics."""

    def endpoints(self) -> list[Endpoint]:
        """Returns the endpoint."""
        return [Endpoint("GET", "/ai/usage/stats", _stats)]


async def _stats(request: web.Request) -> web.Response:
    asked = read_usage_query(request)
    try:
        return web.json_response(await _collect(request.app[ASSISTANT], asked))
    except DomainError as error:
        log_untold(error)
        raise AegisError(AegisProblem(500, "Failed to get usage stats")) from None


async def _collect(assistant: Assistant, asked: UsageQuery) -> object:
    by_model = (SummarizeUsageRequest.DIMENSION_MODEL,)
    totals, groups, recent = await asyncio.gather(
        assistant.usage.summarize(asked.filter),
        assistant.usage.summarize(asked.filter, by_model),
        assistant.usage.recent(asked.filter, asked.recent_limit),
    )
    total = totals[0] if totals else UsageSummary()
    models = await asyncio.gather(*(_model(assistant, group, total.call_count) for group in groups))
    return translate.stats(total, models, recent)


async def _model(assistant: Assistant, group: UsageSummary, all_calls: int) -> dict[str, Json]:
    try:
        entry = await assistant.catalogue.find(group.provider, group.model)
    except DomainError:
        # Numbers without the name of a vendor are better than none.
        entry = None
    vendor = entry.vendor if entry else group.provider
    title = (entry.title if entry else "") or group.model
    return dict(translate.model(group, all_calls, vendor, title))
