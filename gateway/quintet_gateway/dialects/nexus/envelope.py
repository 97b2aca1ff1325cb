"""The success envelope: documented keys at the top level, and the same keys once more under `data`."""

import json
import time
from collections.abc import Mapping
from io import BytesIO

from aiohttp import web
from google.protobuf.timestamp_pb2 import Timestamp

from quintet_gateway.dialects.nexus.json_values import Json


def now() -> str:
    """Returns the present time as the document writes times."""
    return _format(time.time())


def format_time(timestamp: Timestamp) -> str:
    """Writes a time as `2024-01-15T10:30:00Z`."""
    return _format(timestamp.seconds)


def succeed(fields: Mapping[str, Json], *, repeat: bool = True) -> web.Response:
    """Answers with `fields`; without `repeat` they are not repeated under `data`, for answers of megabytes."""
    body = {**frame(), **fields}
    if repeat:
        body["data"] = fields
    return respond(json.dumps(body).encode())


def frame() -> dict[str, Json]:
    """Returns what every success says unless its own fields say otherwise."""
    return {"success": True, "message": "Operation successful", "timestamp": now()}


def respond(body: bytes | BytesIO) -> web.Response:
    """Answers with a body of JSON; one in a BytesIO is sent bit by bit, as fast as the client reads."""
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def _format(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
