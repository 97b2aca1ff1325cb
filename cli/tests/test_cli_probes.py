"""The probes against real servers that come, serve, and go."""

from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from quintet_cli.probes import gateway_complete, grpc_health
from quintet_rpc.server import ServiceServer
from quintet_testing import eventually


async def test_a_service_serves_when_its_health_says_so_and_again_after_a_restart(tmp_path: Path) -> None:
    target = f"unix:{tmp_path}/service.sock"
    probe = grpc_health(target)
    assert not await probe()
    for _ in range(2):
        server = ServiceServer(lambda _server: [])
        await server.start([target])
        assert not await probe()
        await server.set_serving(serving=True)
        assert await eventually(probe)
        await server.stop(0)
        assert not await probe()


async def test_a_gateway_serves_when_it_reaches_everything() -> None:
    answers = [(503, {"complete": False}), (200, {"complete": False}), (200, {"complete": True}), (200, None)]

    async def readyz(_request: web.Request) -> web.Response:
        status, body = answers.pop(0)
        return web.json_response(body, status=status)

    app = web.Application()
    app.add_routes([web.get("/readyz", readyz)])
    async with TestServer(app) as server:
        address = str(server.make_url("")).rstrip("/")
        assert [await gateway_complete(address) for _ in range(4)] == [False, False, True, False]
    assert not await gateway_complete(address)
