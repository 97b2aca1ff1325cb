"""Between the messages about webhooks and the records of the store. Secrets are not translated."""

from quintet.session.v1.event_pb2 import Event
from quintet.webhooks.v1 import webhook_service_pb2 as pb
from quintet_session.translate import to_scope, to_timestamp
from quintet_session.webhook_store import DeliveryRecord, WebhookRecord
from quintet_session.webhook_validation import STATES


def to_webhook(record: WebhookRecord) -> pb.Webhook:
    """Returns a webhook as the contract has it, without its secret."""
    return pb.Webhook(
        webhook_id=record.webhook_id,
        scope=to_scope(record.scope),
        url=record.url,
        event_types=record.event_types,
        has_secret=record.sealed_secret is not None,
        create_time=to_timestamp(record.create_us),
    )


def to_delivery(record: DeliveryRecord) -> pb.Delivery:
    """Returns a delivery as the contract has it, without the secret and the token of a claim."""
    return pb.Delivery(
        delivery_id=record.delivery_id,
        event_id=record.event_id,
        webhook=to_webhook(record.webhook),
        session_id=record.session_id,
        event=Event(type=record.event.type, data=record.event.data),
        event_time=to_timestamp(record.event_us),
        state=STATES[record.state],
        attempt_count=record.attempt_count,
        due_time=None if record.due_us is None else to_timestamp(record.due_us),
        last_status_code=record.last_status_code,
        last_error=record.last_error,
    )
