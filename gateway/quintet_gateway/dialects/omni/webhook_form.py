"""An event as its receiver gets it: the document's payload, signed in the body and in a header."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from quintet.webhooks.v1.webhook_service_pb2 import Delivery
from quintet_gateway.assistant.webhooks import PreparedDelivery
from quintet_gateway.dialects.omni.events import CREATED
from quintet_gateway.dialects.omni.ids import public_id
from quintet_gateway.dialects.omni.times import format_time


def prepare(delivery: Delivery) -> PreparedDelivery:
    """Writes a delivery.

    The signature in the body is over the canonical payload without it; the one in the header over the raw body.
    """
    payload: dict[str, object] = {
        "event": delivery.event.type,
        "timestamp": format_time(delivery.event_time),
        "data": _data(delivery),
    }
    secret = delivery.webhook.secret
    payload["signature"] = sign(canonical(payload), secret) if secret else None
    body = canonical(payload)
    headers = {
        "Content-Type": "application/json",
        "X-Webhook-Event-Id": delivery.event_id,
        "X-Webhook-Attempt": str(delivery.attempt_count + 1),
    }
    if secret:
        headers["X-Webhook-Signature"] = sign(body, secret)
    return PreparedDelivery(body, headers)


def canonical(payload: Mapping[str, object]) -> bytes:
    """Returns the one way to write a payload: keys sorted, no spaces, UTF-8."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(data: bytes, secret: str) -> str:
    """Returns the signature of bytes."""
    return "sha256=" + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def _data(delivery: Delivery) -> dict[str, object]:
    data: dict[str, object] = {"session_id": public_id(delivery.session_id) if delivery.session_id else None}
    if delivery.event.type == CREATED:
        data["created_at"] = format_time(delivery.event_time)
    return {**data, **(json.loads(delivery.event.data) if delivery.event.data else {})}
