"""Asks a service whether it serves."""

import grpc
from grpc_health.v1 import health_pb2

from quintet_errors import DomainError
from quintet_rpc.calls import call_unary


class HealthClient:
    """Client of grpc.health.v1."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        # The stubs of grpc-health-checking are typed for synchronous channels only.
        self._check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )

    async def is_serving(self, *, deadline_s: float) -> bool:
        """Tells whether the whole server says SERVING within the deadline."""
        try:
            response = await call_unary(self._check, health_pb2.HealthCheckRequest(), deadline_s=deadline_s)
        except DomainError:
            return False
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)
