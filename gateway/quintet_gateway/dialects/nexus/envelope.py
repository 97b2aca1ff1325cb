"""The success envelope: documented keys at the top level, and the same keys once more under `data`."""

import json
from collections.abc import Mapping
from io import BytesIO

from aiohttp import web

from quintet_gateway.dialects.nexus.json_values import Json
from quintet_gateway.http.times import now


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
