"""Which calls to sum up."""

from dataclasses import dataclass

from aiohttp import web
from google.protobuf.timestamp_pb2 import Timestamp

from quintet.usage.v1.usage_service_pb2 import UsageFilter
from quintet_gateway.dialects.aegis.errors import invalid
from quintet_gateway.dialects.aegis.owner import SURFACE
from quintet_gateway.dialects.aegis.schemas import fields
from quintet_gateway.dialects.aegis.times import parse_time

_DEFAULT_RECENT = 10
_MOST_RECENT = 1000


@dataclass(frozen=True)
class UsageQuery:
    """Which calls, and how many of the last ones to list."""

    filter: UsageFilter
    recent_limit: int


def read_usage_query(request: web.Request) -> UsageQuery:
    """Reads the query; without a user it is about all."""
    recent_limit = fields.query_integer(request, "recent_limit", _DEFAULT_RECENT, 0, _MOST_RECENT)
    chosen = UsageFilter(surface=SURFACE)
    if request.query.get("user_id"):
        chosen.owner = fields.user_id(request.query)
    for name, target in (("start_time", chosen.start_time), ("end_time", chosen.end_time)):
        if text := request.query.get(name, "").strip():
            try:
                moment = parse_time(text)
            except (ValueError, OverflowError):
                raise invalid(f"Field '{name}' must be an ISO 8601 time") from None
            # No call is older than 1970, where the times of the service begin.
            target.CopyFrom(moment if moment.seconds >= 0 else Timestamp())
    return UsageQuery(chosen, recent_limit)
