"""A real gRPC server on a free loopback port, for the tests of a servicer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from quintet_rpc.channel import create_channel
from quintet_rpc.request_context import shutting_down
from quintet_rpc.server import Register, ServiceServer


@asynccontextmanager
async def serve(register: Register) -> AsyncIterator[grpc.aio.Channel]:
    """Serves for the length of the block and gives a channel to the server."""
    shutting_down.renew()
    server = ServiceServer(register)
    (port,) = await server.start(["127.0.0.1:0"])
    await server.set_serving(serving=True)
    channel = create_channel(f"127.0.0.1:{port}")
    try:
        yield channel
    finally:
        await channel.close()
        shutting_down.set()
        await server.stop(0)
