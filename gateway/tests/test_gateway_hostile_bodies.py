"""Bodies made to break parsers: each gets its error quickly, holds up nobody, and leaves nothing behind."""

import asyncio
import contextlib
import gc
import json
import os
import tempfile
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quintet_gateway.http.body import parse_json
from quintet_gateway.http.failures import HttpError
from quintet_gateway.http.upload_budget import UPLOAD_BUDGET, UploadBudget
from quintet_testing import eventually

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
MIB = 1 << 20

# A busy machine may stop the whole process for a while; what our own code must never do is hold the loop for longer.
LONGEST_BLOCK_S = 0.1


@contextlib.asynccontextmanager
async def loop_stays_free():
    """Fails if the process worked for longer than 100 ms without letting the loop turn."""
    longest = 0.0

    async def watch():
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    # A collection over the heap of a thousand earlier tests would be blamed on this one.
    gc.disable()
    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
        gc.enable()
    assert longest < LONGEST_BLOCK_S, f"the loop was held for {longest * 1000:.0f} ms"


JSON_BODIES = {
    "empty": b"",
    "blank": b"  \n",
    "not json": b"{message: hi}",
    "cut": b'{"message": "hi',
    "array": b'["message"]',
    "string": b'"message"',
    "null": b"null",
    "number": b"1",
    "two values": b'{"message": "a"} {"message": "b"}',
    "nan": b'{"message": "a", "x": NaN}',
    "infinity": b'{"message": "a", "x": -Infinity}',
    "deep arrays": b"[" * 10_000 + b"]" * 10_000,
    "deep open": b"[" * 1_000_000,
    "deep objects": b'{"message":' * 10_000 + b"1" + b"}" * 10_000,
    "deep inside": b'{"message": "hi", "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "long number": b'{"message": "hi", "x": ' + b"9" * 10_000 + b"}",
    "bad utf-8": b'{"message": "\xff\xfe"}',
    "utf-16": '{"message": "hi"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + b'{"message": "hi"}',
    "control character": b'{"message": "a\nb"}',
    "lone surrogate": b'{"message": "\\ud800"}',
    "lone surrogate in the id": b'{"message": "hi", "session_id": "\\udc00"}',
    "too large": b'{"message": "' + b"a" * (20 * MIB) + b'"}',
    "just too large": b'{"message": "hi", "x": "' + b"a" * MIB + b'"}',
}


@pytest.mark.parametrize("path", ["/api/process/text", "/v1/process/text-to-speech"])
@pytest.mark.parametrize("name", JSON_BODIES)
async def test_bad_json_is_a_contract_error_in_no_time(client, assistant, name, path):
    body = JSON_BODIES[name].replace(b'"message"', b'"text"') if path.endswith("speech") else JSON_BODIES[name]
    async with loop_stays_free():
        response = await client.post(path, data=body, headers={"Content-Type": "application/json"})
        answer = await response.json()
    assert (response.status, answer["error_code"]) == (400, "INVALID_INPUT"), answer
    if not name.startswith("lone"):
        assert answer["error"] == ("Request body is too large" if "large" in name else "Invalid JSON data")
    assert not assistant.chat.asked
    assert not assistant.jobs.kept
    assert (await client.post("/api/process/text", json={"message": "hi"})).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "no", "message": "hi"}',
        b'{"message": "hi", "x": 1e999}',
        b'{"message": "hi", "x": "\\ud800"}',
        b' \r\n{"message":"h\\u0069"}\t',
        b'{"message": "hi", "session_id": null, "stream": true, "unknown": {"a": [1, 2]}}',
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
async def test_odd_json_is_taken(client, assistant, body, content_type):
    response = await client.post("/api/process/text", data=body, headers={"Content-Type": content_type})
    assert response.status == 200
    assert assistant.chat.asked[0][2] == "hi"


@pytest.mark.parametrize("path", ["/api/sessions", "/api/clear-history"])
async def test_body_that_may_be_absent_must_be_json_if_it_is_there(client, path):
    assert (await client.post(path, data=b" ")).status == 200
    assert (await client.post(path, data=b"{}")).status == 200
    for body in (b"{", b"[]", JSON_BODIES["deep arrays"], JSON_BODIES["too large"]):
        response = await client.post(path, data=body)
        assert (response.status, (await response.json())["error_code"]) == (400, "INVALID_INPUT")


@given(st.binary(max_size=200) | st.text().map(str.encode))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_are_json_or_an_error(data):
    with contextlib.suppress(HttpError):
        value = parse_json(data)
        assert value == json.loads(data.decode("utf-8"))


BOUNDARY = b"XX"
MULTIPART = "multipart/form-data; boundary=XX"


def part(head, data=b""):
    return b"--XX\r\n" + head + b"\r\n\r\n" + data + b"\r\n"


def file_part(data=PNG, name=b'"image"', filename=b'"a.png"'):
    return part(b"Content-Disposition: form-data; name=" + name + b"; filename=" + filename, data)


def field_part(name, value):
    return part(b'Content-Disposition: form-data; name="' + name + b'"', value)


END = b"--XX--\r\n"

BAD_FORMS = {
    "no boundary": ("multipart/form-data", file_part() + END, "INVALID_INPUT"),
    "empty boundary": ('multipart/form-data; boundary=""', file_part() + END, "INVALID_INPUT"),
    "long boundary": ("multipart/form-data; boundary=" + "X" * 71, file_part() + END, "INVALID_INPUT"),
    "other boundary": ("multipart/form-data; boundary=YY", file_part() + END, "INVALID_INPUT"),
    "no body": (MULTIPART, b"", "INVALID_INPUT"),
    "no end": (MULTIPART, file_part()[:-2], "INVALID_INPUT"),
    "cut in the headers": (MULTIPART, b"--XX\r\nContent-Disp", "INVALID_INPUT"),
    "only the end": (MULTIPART, END, "MISSING_FIELD"),
    "10,000 parts": (MULTIPART, field_part(b"a", b"b") * 10_000 + file_part() + END, "INVALID_INPUT"),
    "huge header": (MULTIPART, part(b"X-Long: " + b"a" * 100_000) + END, "INVALID_INPUT"),
    "many headers": (MULTIPART, part(b"\r\n".join(b"X-%d: a" % n for n in range(1000))) + END, "INVALID_INPUT"),
    "endless header line": (MULTIPART, b"--XX\r\nX-Long: " + b"a" * (4 * MIB), "INVALID_INPUT"),
    "nested": (
        MULTIPART,
        part(b'Content-Type: multipart/mixed; boundary=YY\r\nContent-Disposition: form-data; name="image"', b"--YY--")
        + END,
        "INVALID_INPUT",
    ),
    "empty lines before it": (MULTIPART, b"\r\n" * 2_000_000 + file_part() + END, "INVALID_INPUT"),
    "long field": (MULTIPART, field_part(b"question", b"a" * 70_000) + file_part() + END, "INVALID_INPUT"),
    "field that is not UTF-8": (MULTIPART, field_part(b"question", b"\xff") + file_part() + END, "INVALID_INPUT"),
    "file of another name": (MULTIPART, file_part(name=b'"../../image"') + END, "MISSING_FIELD"),
    "name with NUL": (MULTIPART, file_part(name=b'"image\0"') + END, "INVALID_INPUT|MISSING_FIELD"),
    "file name with NUL": (MULTIPART, file_part(filename=b'"a\0.png"') + END, "INVALID_INPUT"),
    "no disposition": (MULTIPART, part(b"Content-Type: image/png", PNG) + END, "MISSING_FIELD"),
    "broken disposition": (MULTIPART, part(b"Content-Disposition: ;;;=", PNG) + END, "MISSING_FIELD"),
    "zip named png": (MULTIPART, file_part(b"PK\x03\x04" + bytes(500)) + END, "INVALID_FORMAT"),
    "first of two files counts": (MULTIPART, file_part(b"text") + file_part() + END, "INVALID_FORMAT"),
    "unknown default charset": (MULTIPART, field_part(b"_charset_", b"\xff\xfe") + file_part() + END, "INVALID_INPUT"),
    "urlencoded": ("application/x-www-form-urlencoded", b"image=a&question=b", "MISSING_FIELD"),
    "json": ("application/json", b'{"image": "a"}', "MISSING_FIELD"),
}


@pytest.mark.parametrize("name", BAD_FORMS)
async def test_bad_form_is_a_contract_error_in_no_time(client, assistant, name):
    content_type, body, code = BAD_FORMS[name]
    async with loop_stays_free():
        response = await client.post("/api/process/image", data=body, headers={"Content-Type": content_type})
        answer = await response.json()
    assert response.status == 400, answer
    assert answer["error_code"] in code.split("|")
    assert not assistant.jobs.kept
    assert client.app[UPLOAD_BUDGET].reserved_bytes == 0
    good = await client.post("/api/process/image", data=file_part() + END, headers={"Content-Type": MULTIPART})
    assert good.status == 200


@pytest.mark.parametrize(
    "body",
    [
        field_part(b"question", b"What?") + field_part(b"session_id", b"s1") + file_part(),
        file_part() + field_part(b"question", b"What?") + field_part(b"session_id", b"s1"),
        file_part()
        + field_part(b"question", b"What?")
        + field_part(b"question", b"no")
        + field_part(b"session_id", b"s1"),
        file_part() + file_part(b"text") + field_part(b"question", b"What?") + field_part(b"session_id", b"s1"),
        file_part(filename=b'"../../../etc/passwd"')
        + field_part(b"question", b"What?")
        + field_part(b"session_id", b"s1"),
        b"preamble\r\n" + file_part() + field_part(b"question", b"What?") + field_part(b"session_id", b"s1"),
    ],
)
async def test_parts_may_come_in_any_order_and_the_first_of_a_name_counts(client, assistant, body):
    response = await client.post("/api/process/image-with-text", data=body + END, headers={"Content-Type": MULTIPART})
    assert response.status == 200, await response.text()
    (job,) = assistant.jobs.kept.values()
    assert (job.task.text, job.task.session_id) == ("What?", "s1")
    assert assistant.jobs.inputs[job.job_id] == PNG


@pytest.mark.parametrize("size", [0, 1, 4096, 65_536, 65_537, 20 * MIB - 108])
async def test_file_arrives_byte_for_byte_up_to_the_limit(client, assistant, size):
    data = PNG + os.urandom(size)
    response = await client.post("/api/process/image", data=file_part(data) + END, headers={"Content-Type": MULTIPART})
    assert response.status == 200
    assert assistant.jobs.inputs["img_1"] == data


async def in_chunks(body):
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.mark.parametrize("path", ["image", "image-with-text", "voice", "voice-conversation"])
async def test_file_beyond_the_limit_is_413_with_its_size(client, assistant, path):
    name, magic = (b'"audio"', b"RIFF\0\0\0\0WAVE") if "voice" in path else (b'"image"', PNG)
    body = file_part(magic + bytes(21 * MIB), name=name) + END
    response = await client.post(f"/api/process/{path}", data=body, headers={"Content-Type": MULTIPART})
    answer = await response.json()
    assert (response.status, answer["error_code"]) == (413, "FILE_TOO_LARGE")
    assert answer["error"] == "File size exceeds 20MB limit"
    assert answer["details"] == {"max_size": "20MB", "received_size": "21.0MB"}
    assert not assistant.jobs.kept


async def test_file_beyond_the_limit_is_413_also_without_an_announced_size(client, assistant):
    body = file_part(PNG + bytes(21 * MIB)) + END
    response = await client.post("/api/process/image", data=in_chunks(body), headers={"Content-Type": MULTIPART})
    assert (response.status, (await response.json())["details"]["max_size"]) == (413, "20MB")
    one_over = file_part(PNG + bytes(20 * MIB + 1 - len(PNG))) + END
    for data in (one_over, in_chunks(one_over)):
        response = await client.post("/api/process/image", data=data, headers={"Content-Type": MULTIPART})
        assert response.status == 413
    assert not assistant.jobs.kept
    assert client.app[UPLOAD_BUDGET].reserved_bytes == 0


HEAD = (
    b"POST /api/process/image HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=XX\r\n"
    b"Content-Length: %d\r\n\r\n"
)


async def test_client_that_leaves_in_the_middle_leaves_nothing(client, assistant, send_raw):
    before = set(os.listdir(tempfile.gettempdir()))
    half = file_part(PNG + bytes(MIB))[:500_000]
    _reader, writer = await send_raw(client, HEAD % (2 * MIB) + half, finish=False)
    budget = client.app[UPLOAD_BUDGET]
    await eventually(lambda: holds(lambda: budget.reserved_bytes > 0))
    writer.transport.abort()
    await eventually(lambda: holds(lambda: budget.reserved_bytes == 0))
    assert not assistant.jobs.kept
    assert {name for name in os.listdir(tempfile.gettempdir()) if "quintet" in name} <= before


async def holds(condition):
    return condition()


@pytest.mark.parametrize("sent", [HEAD % MIB + b"--XX\r\n", HEAD % MIB + file_part(PNG + bytes(200_000))])
async def test_client_that_stops_sending_is_cut_off(start, assistant, send_raw, sent):
    client = await start(body_silence_s=0.2)
    reader, writer = await send_raw(client, sent, finish=False)
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
    assert b" 400 " in head.split(b"\r\n")[0]
    assert client.app[UPLOAD_BUDGET].reserved_bytes == 0
    writer.close()
    text = b"POST /api/process/text HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{"
    reader, writer = await send_raw(client, text, finish=False)
    async with asyncio.timeout(10):
        assert b" 400 " in await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def test_client_that_drips_is_cut_off(start, send_raw):
    client = await start(body_silence_s=0.3)
    reader, writer = await send_raw(client, HEAD % MIB + file_part()[:-2], finish=False)

    async def drip():
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(10):
        assert b" 400 " in await reader.readuntil(b"\r\n\r\n")
    dripping.cancel()
    writer.close()


async def test_hundred_large_uploads_at_once_all_succeed_in_bounded_memory(start, assistant):
    client = await start(upload_memory_mib=32)
    budget = client.app[UPLOAD_BUDGET]
    body = file_part(PNG + bytes(MIB)) + END
    most = 0
    accept = assistant.jobs.accept

    async def watched(*args):
        nonlocal most
        most = max(most, budget.reserved_bytes)
        return await accept(*args)

    assistant.jobs.accept = watched

    async def upload():
        response = await client.post("/api/process/image", data=body, headers={"Content-Type": MULTIPART})
        return response.status

    statuses = await asyncio.gather(*(upload() for _ in range(100)))
    assert set(statuses) == {200}
    assert 0 < most <= 32 * MIB
    assert budget.reserved_bytes == 0
    assert (await client.get("/api/health")).status == 200


async def test_budget_serves_in_order_and_survives_those_who_leave():
    budget = UploadBudget(10, wait_s=5, small_bytes=0, reserve_bytes=0)
    order = []

    async def hold(name, size, release):
        async with budget.reserve(size):
            order.append(name)
            await release.wait()

    first, rest = asyncio.Event(), asyncio.Event()
    rest.set()
    tasks = [asyncio.create_task(hold("a", 8, first))]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(hold(name, size, rest)) for name, size in (("b", 9), ("c", 1), ("d", 500))]
    await asyncio.sleep(0)
    assert order == ["a"], "a small one does not overtake, or a large one would wait for ever"
    tasks[1].cancel()
    await eventually(lambda: holds(lambda: order == ["a", "c"]))
    first.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == ["a", "c", "d"]
    assert budget.reserved_bytes == 0


async def test_budget_refuses_after_the_wait():
    budget = UploadBudget(10, wait_s=0.05, max_waiting=1, small_bytes=0, reserve_bytes=0)
    async with budget.reserve(10):
        with pytest.raises(HttpError) as refusal:
            async with budget.reserve(1):
                pass
        assert (refusal.value.status, refusal.value.headers["Retry-After"]) == (503, "5")
    async with budget.reserve(10):
        assert budget.reserved_bytes == 10
