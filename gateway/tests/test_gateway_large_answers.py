"""Answers of megabytes: the same text as small ones, without holding up the event loop."""

import asyncio
import base64
import json
import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nexus_requests import ANYONE, success

from quintet.jobs.v1.job_result_pb2 import JobResult, SpeechAudio
from quintet.jobs.v1.job_service_pb2 import Job, JobTask
from quintet.session.v1.session_service_pb2 import Message, Session
from quintet_gateway.dialects.nexus.answers import Answers
from quintet_gateway.http.large_json import pieces

MIB = 1 << 20
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_pieces_are_what_json_writes(value):
    assert b"".join(pieces(value)) == json.dumps(value).encode()


def test_no_piece_is_encoded_in_one_long_step():
    value = {"audio": "A" * (2 * MIB), "text": "🙂é" * MIB, "rows": [{"id": "x" * 30}] * 10_000}
    encoded = list(pieces(value))
    assert json.loads(b"".join(encoded)) == value
    assert max(map(len, encoded)) <= 12 * (64 << 10)


@pytest.mark.parametrize("fields", [{"sessions": [1, 2]}, {"message": "cleared", "a": {"b": []}}])
@pytest.mark.parametrize("repeat", [True, False])
async def test_large_answer_is_the_small_one_and_no_more_than_two_threads_work(fields, repeat):
    answers = Answers()
    workers = set()

    def build():
        workers.add(threading.get_ident())
        return fields

    large = await asyncio.gather(*(answers.succeed(build, large=True, repeat=repeat) for _ in range(20)))
    assert 1 <= len(workers) <= 2
    assert threading.get_ident() not in workers
    small = await answers.succeed(lambda: fields, large=False, repeat=repeat)
    await answers.close()
    assert {**json.loads(await large[0].body.as_bytes()), "timestamp": ""} == {
        **json.loads(small.body),
        "timestamp": "",
    }


async def held(client, path):
    """Returns an answer and the longest processor time for which the loop's thread did not turn."""
    longest = 0.0
    reading = asyncio.create_task(client.get(path))
    while not reading.done():
        before = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - before)
    return await reading, longest


async def test_long_list_of_sessions_holds_nobody_up(client, assistant):
    for number in range(10_000):
        session = Session(session_id=f"session-{number}", title="What is the weather?", message_count=3)
        assistant.sessions.kept[ANYONE, session.session_id] = (session, [])
    response, longest = await held(client, "/api/sessions")
    body = await success(response)
    assert len(body["sessions"]) == 10_000
    assert body["data"] == {"sessions": body["sessions"]}
    assert longest < 0.05
    head = await client.head("/api/sessions")
    assert head.headers["Content-Length"] == response.headers["Content-Length"]
    assert "Content-Disposition" not in response.headers
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_long_conversation_holds_nobody_up(client, assistant):
    messages = [Message(role=1 + number % 2, content=f"{number} " + "word " * 400) for number in range(4000)]
    assistant.sessions.kept[ANYONE, "s"] = (Session(session_id="s", title="Long"), messages)
    response, longest = await held(client, "/api/sessions/s/messages")
    body = await success(response)
    assert [message["content"] for message in body["messages"]] == [message.content for message in messages]
    assert body["data"]["messages"] == body["messages"]
    assert longest < 0.05


async def test_long_speech_holds_nobody_up(client, assistant):
    audio = os.urandom(8 * MIB + 1)
    task = JobTask(kind=JobTask.KIND_SPEECH, text="x")
    assistant.jobs.kept[ANYONE, "tts_1"] = Job(job_id="tts_1", state=Job.STATE_COMPLETED, task=task)
    assistant.jobs.results["tts_1"] = JobResult(speech=SpeechAudio(audio=audio))
    response, longest = await held(client, "/api/status/tts_1")
    body = await success(response)
    assert base64.b64decode(body["result"]["audio_base64"], validate=True) == audio
    assert "data" not in body
    assert longest < 0.05
