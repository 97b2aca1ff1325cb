"""Builds the gRPC server of a service: limits, interceptor, health, reflection and channelz."""

from collections.abc import Callable, Sequence

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from quintet_rpc.server_interceptor import ServiceInterceptor

Register = Callable[[grpc.aio.Server], Sequence[ServiceDescriptor]]
"""Adds the servicers to a server and returns the descriptors of their services."""

MAX_MESSAGE_BYTES = 8 << 20
_CHANNELZ = "grpc.channelz.v1.Channelz"
_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.enable_channelz", 1),
    # Without this two processes can listen on one port, and each gets some of the calls.
    ("grpc.so_reuseport", 0),
    # With it gRPC takes in megabytes of an upload before the handler asks for them: 1.7 GiB for a hundred at once.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
]


class ServiceServer:
    """A server whose health is NOT_SERVING until it is told otherwise."""

    def __init__(self, register: Register) -> None:
        self._server = grpc.aio.server(interceptors=[ServiceInterceptor()], options=_OPTIONS)
        self._health = health.aio.HealthServicer()
        names = [descriptor.full_name for descriptor in register(self._server)]
        self._health_names = ["", *names]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        channelz.add_channelz_servicer(self._server)
        health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        reflection.enable_server_reflection([*names, health_name, _CHANNELZ, reflection.SERVICE_NAME], self._server)

    async def start(self, addresses: Sequence[str]) -> list[int]:
        """Listens on `host:port` and `unix:path` addresses and returns the real port of each (1 for a Unix socket).

        Raises:
            OSError: if an address is taken.
        """
        await self.set_serving(serving=False)
        ports = [self._listen(address) for address in addresses]
        await self._server.start()
        return ports

    def _listen(self, address: str) -> int:
        try:
            return self._server.add_insecure_port(address)
        except RuntimeError:
            raise OSError(f"{address} is in use, or is no address of this machine") from None

    async def set_serving(self, *, serving: bool) -> None:
        """Sets the health of the server and of each of its services."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._health_names:
            await self._health.set(name, status)

    async def stop(self, grace_s: float) -> None:
        """Turns health off for good, lets calls at work go on for at most `grace_s`, and stops."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)
