"""Events for other systems: who wants them, and their delivery."""

from quintet_gateway.assistant.webhooks.deliverer import DeliveryForm, Posts, PreparedDelivery
from quintet_gateway.assistant.webhooks.webhooks import Webhooks

__all__ = ["DeliveryForm", "Posts", "PreparedDelivery", "Webhooks"]
