import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.vision.v1 import vision_service_pb2_grpc as rpc
from quintet.vision.v1.vision_service_pb2 import (
    DESCRIPTOR,
    AnalyzeImageConfig,
    AnalyzeImageRequest,
    AnalyzeImageResponse,
)
from quintet_errors import DomainError, Reason
from quintet_rpc.calls import call_stream
from quintet_rpc.request_context import new_request_context
from quintet_rpc.uploads import CHUNK_BYTES, UploadMemory, pieces, read_upload
from quintet_testing import serve

CONFIG = AnalyzeImageRequest(config=AnalyzeImageConfig(enhance=True))


def image(data: bytes) -> AnalyzeImageRequest:
    return AnalyzeImageRequest(image=data)


async def sent(*messages):
    for message in messages:
        yield message


async def test_upload_is_joined():
    config, data = await read_upload(sent(CONFIG, image(b"ab"), image(b"c")), data_field="image", max_bytes=3)
    assert config.enhance
    assert data == b"abc"


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ((), Reason.STREAM_OUT_OF_ORDER),
        ((image(b"x"),), Reason.STREAM_OUT_OF_ORDER),
        ((CONFIG, CONFIG), Reason.STREAM_OUT_OF_ORDER),
        ((CONFIG, AnalyzeImageRequest()), Reason.STREAM_OUT_OF_ORDER),
        ((CONFIG, image(b"1234")), Reason.PAYLOAD_TOO_LARGE),
    ],
)
async def test_wrong_order_and_size_are_refused(messages, reason):
    with pytest.raises(DomainError) as failure:
        await read_upload(sent(*messages), data_field="image", max_bytes=3)
    assert failure.value.reason is reason


async def test_uploads_hold_no_more_memory_than_they_may_together():
    memory = UploadMemory(5)
    with memory.share() as first, memory.share() as second:
        assert (await read_upload(sent(CONFIG, image(b"abc")), data_field="image", max_bytes=9, share=first))[
            1
        ] == b"abc"
        with pytest.raises(DomainError) as failure:
            await read_upload(sent(CONFIG, image(b"de"), image(b"f")), data_field="image", max_bytes=9, share=second)
        assert failure.value.reason is Reason.ENGINE_BUSY
        assert int(failure.value.metadata["retryAfterSeconds"]) >= 1
        assert memory.held_bytes == 5
        first.release()
        assert memory.held_bytes == 2
    assert memory.held_bytes == 0
    with memory.share() as third:
        await read_upload(sent(CONFIG, image(b"abcde")), data_field="image", max_bytes=9, share=third)


async def test_finished_upload_is_held_once():
    tracemalloc.start()
    try:
        messages = sent(CONFIG, *[image(bytes(CHUNK_BYTES))] * 256)
        before, _ = tracemalloc.get_traced_memory()
        _, data = await read_upload(messages, data_field="image", max_bytes=32 << 20)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held - before < 1.02 * len(data)
    assert peak - before < 1.2 * len(data)


@given(st.integers(0, 3 * CHUNK_BYTES + 1))
def test_pieces_join_to_the_whole_and_none_is_too_large(size):
    data = bytes(size)
    cut = list(pieces(data))
    assert b"".join(cut) == data
    assert all(0 < len(piece) <= CHUNK_BYTES for piece in cut)


@given(st.text(), st.text(), st.text())
def test_context_of_any_caller_is_safe_for_headers(request_id, traceparent, script):
    context = new_request_context(request_id, traceparent, script)
    for _, value in context.metadata():
        assert value.isascii()
        assert value.isprintable()


class Picky(rpc.VisionServiceServicer):
    """Takes uploads of at most 1 MiB."""

    async def AnalyzeImage(self, request_iterator, context):
        _, data = await read_upload(request_iterator, data_field="image", max_bytes=1 << 20)
        yield AnalyzeImageResponse(progress_percent=len(data) % 100)

    async def GetEngine(self, request, context):
        raise DomainError(Reason.INTERNAL, "not asked for")


def register_picky(server):
    rpc.add_VisionServiceServicer_to_server(Picky(), server)
    return [DESCRIPTOR.services_by_name["VisionService"]]


async def broken():
    yield CONFIG
    raise DomainError(Reason.SERVICE_UNAVAILABLE, "The source of the bytes is gone.")


async def test_caller_learns_why_its_own_upload_broke():
    async with serve(register_picky) as channel:
        with pytest.raises(DomainError) as failure:
            await anext(call_stream(rpc.VisionServiceStub(channel).AnalyzeImage, broken(), deadline_s=20))
    assert failure.value.reason is Reason.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("number", range(6))
async def test_refusal_reaches_a_caller_that_is_still_sending(number):
    async with serve(register_picky) as channel:
        stub = rpc.VisionServiceStub(channel)
        messages = sent(CONFIG, *(image(bytes(CHUNK_BYTES)) for _ in range(500)))
        with pytest.raises(DomainError) as failure:
            await anext(call_stream(stub.AnalyzeImage, messages, deadline_s=20))
    assert failure.value.reason is Reason.PAYLOAD_TOO_LARGE
