"""A whole service process with a scripted voice, run by test_rpc_process.py."""

import asyncio
import sys

from quintet.tts.v1 import tts_service_pb2 as pb
from quintet.tts.v1 import tts_service_pb2_grpc as rpc
from quintet_engines import EngineInfo, EngineKind
from quintet_errors import DomainError, Reason
from quintet_rpc import Service, ServiceSettings, run_process, service_config


class SpeakerSettings(ServiceSettings):
    model_config = service_config("speaker")
    fail_warm_up: bool = False


class Speaker(rpc.TtsServiceServicer):
    async def Synthesize(self, request, context):
        for number in range(int(request.text)):
            yield pb.SynthesizeResponse(audio=bytes([number]))
            await asyncio.sleep(0.05)

    async def ListVoices(self, request, context):
        return pb.ListVoicesResponse()

    async def GetEngine(self, request, context):
        return pb.GetEngineResponse()


def build(settings: SpeakerSettings) -> Service:
    def register(server):
        rpc.add_TtsServiceServicer_to_server(Speaker(), server)
        return [pb.DESCRIPTOR.services_by_name["TtsService"]]

    async def warm_up():
        if settings.fail_warm_up:
            raise DomainError(Reason.STORAGE_FAILED, "The folder is not ours. Choose another one.")

    async def close():
        sys.stdout.write('{"event": "closed"}\n')

    info = EngineInfo("speaker", EngineKind.SCRIPTED, choice_reason="the test asked for it")
    return Service("speaker", settings, register, warm_up, close, lambda: info)


if __name__ == "__main__":
    run_process(SpeakerSettings, build)
