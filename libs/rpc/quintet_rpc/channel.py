"""Channels to the services: reconnection, health checking, and the one table of retries and deadlines."""

import json
from typing import Any

import grpc

from quintet_rpc.server import MAX_MESSAGE_BYTES

READ_DEADLINE_S = 5.0
"""For calls that read a record."""
WRITE_DEADLINE_S = 10.0
"""For calls that store a record."""
UPLOAD_DEADLINE_S = 300.0
"""For calls that carry an upload from a slow client."""
ANSWER_DEADLINE_S = 300.0
"""For one streamed answer."""
WORK_DEADLINE_S = 1800.0
"""For the work of one job in a model service."""
CONVERSATION_DEADLINE_S = 12 * 3600.0
"""For a conversation that is followed as it is spoken."""

# Unary and safe to repeat: reads, and writes that carry an idempotency key or a lease. Clearing a session is not: the
# second call would take what was said after the first.
_RETRIED = {
    "quintet.session.v1.SessionService": [
        "GetSession",
        "GetSessionOwner",
        "ListSessions",
        "AppendMessages",
        "ListMessages",
        "GetMessage",
        "CountSessions",
    ],
    "quintet.identity.v1.IdentityService": [
        "GetUser",
        "ListUsers",
        "VerifyAccessToken",
        "ListApiKeys",
        "RevokeApiKey",
        "VerifyApiKey",
        "GetSettings",
    ],
    "quintet.usage.v1.UsageService": ["RecordUsage", "SummarizeUsage", "ListUsage"],
    "quintet.knowledge.v1.KnowledgeService": [
        "AttachDocuments",
        "AddChunks",
        "AbortBuild",
        "Search",
        "ListCollections",
        "GetCollection",
        "ListDocuments",
    ],
    "quintet.webhooks.v1.WebhookService": [
        "ListWebhooks",
        "CompleteDelivery",
        "ListDeliveries",
    ],
    "quintet.jobs.v1.JobService": ["GetJob", "RenewJob", "CancelJob"],
    "quintet.chat.v1.ChatService": ["ListModels", "GetEngine"],
    "quintet.embedding.v1.EmbeddingService": ["EmbedTexts", "GetEngine"],
    "quintet.vision.v1.VisionService": ["GetEngine"],
    "quintet.stt.v1.SttService": ["GetEngine"],
    "quintet.tts.v1.TtsService": ["ListVoices", "GetEngine"],
}
_RETRY_POLICY = {
    "maxAttempts": 5,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def service_config() -> dict[str, Any]:
    """Returns gRPC's service config: round robin over healthy addresses, retries where repeating is safe."""
    names = [{"service": service, "method": method} for service, methods in _RETRIED.items() for method in methods]
    return {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": ""},
        "methodConfig": [{"name": names, "retryPolicy": _RETRY_POLICY}],
    }


def create_channel(target: str) -> grpc.aio.Channel:
    """Opens a channel to `host:port`, `dns:///name:port` or `unix:path`; it connects when it is used."""
    return grpc.aio.insecure_channel(
        target,
        options=[
            ("grpc.service_config", json.dumps(service_config())),
            ("grpc.enable_retries", 1),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 300),
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 5_000),
            ("grpc.use_local_subchannel_pool", 1),
        ],
    )
