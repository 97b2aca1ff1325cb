"""Checks of arguments about webhooks, and their translation. Each names the field in the error's metadata."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from google.protobuf.duration_pb2 import Duration

from quintet.webhooks.v1 import webhook_service_pb2 as pb
from quintet_session.validation import LONGEST_OWNER, LONGEST_SURFACE, invalid, missing, required
from quintet_session.webhook_store import AttemptOutcome, Claim, DeliveryFilter, DeliveryLease, DeliveryState

LONGEST_URL = 2000
LONGEST_SECRET = 1000
LONGEST_ERROR = 500
LONGEST_SESSION_ID = 128
LONGEST_EVENT_TYPE = 64
MOST_EVENT_TYPES = 16
MOST_DELIVERIES = 100
LONGEST_LEASE_S = 300
LONGEST_WAIT_S = 30
_LARGEST_STATUS = 999

STATES = {
    DeliveryState.PENDING: pb.Delivery.STATE_PENDING,
    DeliveryState.DELIVERED: pb.Delivery.STATE_DELIVERED,
    DeliveryState.DEAD: pb.Delivery.STATE_DEAD,
}
_STATES_BY_NUMBER = {number: state for state, number in STATES.items()}


def url(value: str) -> str:
    """Returns an address that can be called; whether it may be is the caller's business."""
    required(value, "webhook.url", LONGEST_URL)
    if not _is_address(value):
        raise invalid("webhook.url", "an http or https address with a host and without a password")
    return value


def event_types(values: Sequence[str]) -> tuple[str, ...]:
    """Returns names of events, each once."""
    if not values:
        raise missing("webhook.event_types")
    if len(values) > MOST_EVENT_TYPES:
        raise invalid("webhook.event_types", f"1 to {MOST_EVENT_TYPES} names")
    return tuple(dict.fromkeys(required(value, "webhook.event_types", LONGEST_EVENT_TYPE) for value in values))


def secret(value: str) -> str:
    """Returns the key of signatures, empty for none."""
    if len(value) > LONGEST_SECRET:
        raise invalid("webhook.secret", f"at most {LONGEST_SECRET} characters long")
    return value


def session_id(value: str) -> str:
    """Returns the session of an event, empty for none."""
    if len(value) > LONGEST_SESSION_ID:
        raise invalid("session_id", f"at most {LONGEST_SESSION_ID} characters long")
    return value


def claim(request: pb.ClaimDeliveriesRequest, max_bytes: int) -> Claim:
    """Returns how much a worker asks for."""
    if not 1 <= request.max_deliveries <= MOST_DELIVERIES:
        raise invalid("max_deliveries", f"1 to {MOST_DELIVERIES}")
    if not request.HasField("lease_duration"):
        raise missing("lease_duration")
    lease_s = _seconds(request.lease_duration)
    if not 1 <= lease_s <= LONGEST_LEASE_S:
        raise invalid("lease_duration", f"1 to {LONGEST_LEASE_S} seconds")
    return Claim(request.max_deliveries, max_bytes, lease_s)


def wait_s(request: pb.ClaimDeliveriesRequest) -> float:
    """Returns how long a claim may wait, in seconds."""
    seconds = _seconds(request.wait_duration)
    if not 0 <= seconds <= LONGEST_WAIT_S:
        raise invalid("wait_duration", f"0 to {LONGEST_WAIT_S} seconds")
    return seconds


def lease(request: pb.CompleteDeliveryRequest) -> DeliveryLease:
    """Returns a lease with both of its parts."""
    return DeliveryLease(required(request.delivery_id, "delivery_id"), required(request.lease_token, "lease_token"))


def outcome(request: pb.CompleteDeliveryRequest) -> AttemptOutcome:
    """Returns how an attempt ended."""
    if not 0 <= request.status_code <= _LARGEST_STATUS:
        raise invalid("status_code", f"0 to {_LARGEST_STATUS}")
    if len(request.error) > LONGEST_ERROR:
        raise invalid("error", f"at most {LONGEST_ERROR} characters long")
    return AttemptOutcome(request.delivered, request.status_code, "" if request.delivered else request.error)


def delivery_filter(request: pb.ListDeliveriesRequest | pb.RedeliverDeliveriesRequest) -> DeliveryFilter:
    """Returns which deliveries are meant."""
    if len(request.surface) > LONGEST_SURFACE:
        raise invalid("surface", f"at most {LONGEST_SURFACE} characters long")
    if len(request.owner) > LONGEST_OWNER:
        raise invalid("owner", f"at most {LONGEST_OWNER} characters long")
    if request.owner and not request.surface:
        raise missing("surface")
    state = _state(request.state) if isinstance(request, pb.ListDeliveriesRequest) else None
    return DeliveryFilter(request.surface or None, request.owner or None, state)


def _state(number: pb.Delivery.State.ValueType) -> DeliveryState | None:
    if number == pb.Delivery.STATE_UNSPECIFIED:
        return None
    state = _STATES_BY_NUMBER.get(number)
    if state is None:
        raise invalid("state", "pending, delivered or dead")
    return state


def _is_address(value: str) -> bool:
    if not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        is_bare = "@" not in parts.netloc
        # Reading the port checks it.
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and is_bare and parts.port != 0
    except ValueError:
        return False


def _seconds(duration: Duration) -> float:
    return float(duration.seconds) + duration.nanos / 1e9
