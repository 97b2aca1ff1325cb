"""Whether a process serves."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quintet_cli.loopback import loopback_client

_TIMEOUT_S = 2.0
# A process that was just started is looked for again soon.
_CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.use_local_subchannel_pool", 1),
]


def grpc_health(target: str) -> Callable[[], Awaitable[bool]]:
    """Returns a probe of the whole server at a gRPC target."""
    channels: list[grpc.aio.Channel] = []

    async def probe() -> bool:
        if not channels:
            channels.append(grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS))
        stub: Any = health_pb2_grpc.HealthStub(channels[0])
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return False
        serving: bool = answer.status == health_pb2.HealthCheckResponse.SERVING
        return serving

    return probe


async def gateway_complete(address: str) -> bool:
    """Tells whether the gateway is ready and reaches every service.

    It calls itself ready as soon as it can do anything; `complete` says that it can do everything.
    """
    async with loopback_client(_TIMEOUT_S) as client:
        try:
            answer = await client.get(f"{address}/readyz")
            return answer.is_success and bool(answer.json()["complete"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return False
