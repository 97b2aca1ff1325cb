"""The least bridge: one aiohttp handler an endpoint, one gRPC call each, nothing else.

Run as `python -m benchmarks.gateway.bridge PORT SESSION_TARGET LLM_TARGET`.
"""

import hashlib
import json
import sys

import grpc
from aiohttp import web
from google.protobuf.json_format import MessageToDict
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import Counter

from quintet.chat.v1 import chat_service_pb2 as chat
from quintet.chat.v1 import chat_service_pb2_grpc as chat_rpc
from quintet.jobs.v1 import job_service_pb2 as jobs
from quintet.jobs.v1 import job_service_pb2_grpc as jobs_rpc
from quintet.session.v1.session_service_pb2 import Scope

REQUESTS = Counter("bridge_requests_total", "Requests", ["route"])
KEYS = frozenset({"the-key"})
OWNER = "key:" + hashlib.sha256(b"the-key").hexdigest()[:32]
LIMIT = parse("1000000000/minute")


class Bridge:
    def __init__(self, session_target: str, llm_target: str) -> None:
        self.limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self.jobs = jobs_rpc.JobServiceStub(grpc.aio.insecure_channel(session_target))
        self.chat = chat_rpc.ChatServiceStub(grpc.aio.insecure_channel(llm_target))

    async def admit(self, request: web.Request, route: str) -> None:
        key = request.headers.get("X-API-Key", "")
        if key not in KEYS:
            raise web.HTTPUnauthorized
        if not await self.limiter.hit(LIMIT, key):
            raise web.HTTPTooManyRequests
        REQUESTS.labels(route).inc()

    async def status(self, request: web.Request) -> web.Response:
        await self.admit(request, "status")
        scope = Scope(surface="nexus", owner=OWNER)
        call = jobs.GetJobRequest(scope=scope, job_id=request.match_info["job_id"])
        return web.json_response(MessageToDict((await self.jobs.GetJob(call)).job))

    async def text(self, request: web.Request) -> web.StreamResponse:
        await self.admit(request, "text")
        body = await request.json()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        message = chat.ChatMessage(role=chat.ChatMessage.ROLE_USER, content=body["message"])
        script = request.headers.get("X-Quintet-Script", "")
        call = self.chat.StreamChat(
            chat.StreamChatRequest(messages=[message]), metadata=(("x-quintet-script", script),)
        )
        async for event in call:
            if event.text_delta:
                data = json.dumps({"word": event.text_delta, "complete": False})
                await response.write(f"data: {data}\n\n".encode())
        await response.write(b'data: {"word": "", "complete": true}\n\n')
        return response


async def build(session_target: str, llm_target: str) -> web.Application:
    bridge = Bridge(session_target, llm_target)
    app = web.Application()
    app.router.add_get("/api/status/{job_id}", bridge.status)
    app.router.add_post("/api/process/text", bridge.text)
    return app


if __name__ == "__main__":
    web.run_app(build(sys.argv[2], sys.argv[3]), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
