"""The service over loopback, as its tests call it."""

from contextlib import asynccontextmanager

import grpc
import pytest

from quintet.tts.v1 import tts_service_pb2 as pb
from quintet.tts.v1 import tts_service_pb2_grpc as rpc
from quintet_engines import EngineSlots
from quintet_errors import DomainError
from quintet_errors.status import from_rpc_error
from quintet_rpc.calls import call_stream, call_unary
from quintet_rpc.request_context import current_request
from quintet_testing import serve
from quintet_tts.servicer import TtsServicer


class Room:
    def __init__(self, channel, slots, engine_name):
        self.stub = rpc.TtsServiceStub(channel)
        self.slots = slots
        self.engine_name = engine_name

    def synthesize(self, **fields):
        return call_stream(self.stub.Synthesize, pb.SynthesizeRequest(**fields), deadline_s=30)

    async def spoken(self, **fields):
        """Returns started, all bytes of sound, and finished."""
        events = [event async for event in self.synthesize(**fields)]
        kinds = [event.WhichOneof("event") for event in events]
        assert kinds == ["started", *["audio"] * (len(kinds) - 2), "finished"]
        assert all(0 < len(event.audio) <= 65536 for event in events[1:-1])
        return events[0].started, b"".join(event.audio for event in events[1:-1]), events[-1].finished

    async def refusal(self, **fields):
        with pytest.raises(DomainError) as failure:
            await self.spoken(**fields)
        return failure.value

    async def voices(self, **fields):
        return await call_unary(self.stub.ListVoices, pb.ListVoicesRequest(**fields), deadline_s=5)


@asynccontextmanager
async def room_with(engine, *, slots=8, waiting=8, max_audio_s=3600.0, stalled_reader_s=30.0, idle_caller_s=60.0):
    admission = EngineSlots(slots, waiting)
    servicer = TtsServicer(
        engine,
        admission,
        max_audio_s=max_audio_s,
        stalled_reader_s=stalled_reader_s,
        idle_caller_s=idle_caller_s,
    )

    def register(server):
        rpc.add_TtsServiceServicer_to_server(servicer, server)
        return [pb.DESCRIPTOR.services_by_name["TtsService"]]

    await engine.warm_up()
    async with serve(register) as channel:
        yield Room(channel, admission, engine.info().name)
    servicer.close()
    await engine.close()


class Talk:
    """One call of StreamingSynthesize, driven message by message."""

    def __init__(self, room, timeout_s=30):
        self.call = room.stub.StreamingSynthesize(timeout=timeout_s, metadata=current_request().metadata())

    async def begin(self, **config):
        await self.send(config=pb.StreamingSynthesizeConfig(**config))
        return self

    async def send(self, **payload):
        await self.call.write(pb.StreamingSynthesizeRequest(**payload))

    async def say(self, *texts):
        for text in texts:
            await self.send(text=text)

    async def read(self):
        """Returns the next event, or None at the end of the call."""
        try:
            event = await self.call.read()
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        return None if event is grpc.aio.EOF else event

    async def rest(self):
        events = []
        while (event := await self.read()) is not None:
            events.append(event)
        # The end of a call that failed may look like the end of one that went well.
        if await self.call.code() is not grpc.StatusCode.OK:
            await self.call.read()
        return events

    async def spoken(self, *texts):
        """Says the texts, half-closes, and returns all events that follow."""
        await self.say(*texts)
        await self.call.done_writing()
        return await self.rest()


def sound_of(events):
    return b"".join(event.audio for event in events)


def kinds(events):
    """Names the events, with each run of `audio` as one."""
    names = [event.WhichOneof("event") for event in events]
    return [name for at, name in enumerate(names) if name != "audio" or names[at - 1 : at] != ["audio"]]
