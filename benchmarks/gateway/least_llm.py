"""The least chat service: one message a token. Run as `python -m benchmarks.gateway.least_llm TARGET`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.chat.v1 import chat_service_pb2_grpc as rpc
from quintet_engines import Script


class LeastChat(rpc.ChatServiceServicer):
    async def StreamChat(self, request: Any, context: Any) -> AsyncIterator[pb.StreamChatResponse]:
        script = Script.parse(str(dict(context.invocation_metadata()).get("x-quintet-script", "")))
        async for numbers in script.run(200):
            for number in numbers:
                yield pb.StreamChatResponse(text_delta=f"w{number} ")

    async def ListModels(self, request: Any, context: Any) -> pb.ListModelsResponse:
        return pb.ListModelsResponse()

    async def GetEngine(self, request: Any, context: Any) -> pb.GetEngineResponse:
        return pb.GetEngineResponse()


async def main(target: str) -> None:
    server = grpc.aio.server()
    rpc.add_ChatServiceServicer_to_server(LeastChat(), server)
    server.add_insecure_port(target)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
