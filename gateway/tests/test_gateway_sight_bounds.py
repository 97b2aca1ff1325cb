"""What one caller of the sight surface can take: requests, memory, and the time of others."""

import asyncio
import io
import time

import pytest
from limits import RateLimitItemPerSecond
from sight_requests import ANALYZE, JPEG, MIB, RESET, analyze, form, refused, spoken

from quintet_errors import DomainError, Reason
from quintet_gateway.dialects.sight.wording import Sentence, worded
from quintet_gateway.http.rate_limits import Allowance, MovingLimiter, RateLimitedError
from quintet_gateway.http.upload_budget import UPLOAD_BUDGET
from quintet_testing import eventually


async def test_eleventh_request_of_a_minute_is_refused_aloud(start, assistant):
    client = await start(limits="documented")
    for number in range(10):
        mode = "snapshot" if number % 2 else "wrong"
        assert (await analyze(client, mode=mode)).status == (200 if number % 2 else 400)
    response = await analyze(client)
    await spoken(response, 429, "Rate limit exceeded. Please wait before making another request.")
    assert response.headers["X-Rate-Limit-Exceeded"] == "true"
    assert 1 <= int(response.headers["Retry-After"]) <= 61
    assert not [name for name in response.headers if name.startswith("X-RateLimit")]
    assert (await client.post(RESET, data={"session_id": "test-123"})).status == 429
    assert (await analyze(client, session_id="another")).status == 200
    assert (await client.get("/api/v1/session/test-123")).status == 200
    assert (await client.get("/api/v1/health")).status == 200
    await analyze(client)
    assert len(assistant.voice.speech.said) == 1


async def test_refusals_for_size_count_for_their_session(start):
    client = await start(limits="documented", sight_requests_per_minute=2)
    for _ in range(2):
        assert (await analyze(client, image=JPEG + bytes(11 * MIB))).status == 413
    assert (await analyze(client, mode="snapshot")).status == 429
    assert (await analyze(client, mode="snapshot", session_id="another")).status == 200


async def test_requests_without_an_id_count_for_their_address(start):
    client = await start(limits="documented", sight_requests_per_minute=2)
    for _ in range(2):
        assert (await analyze(client, without=("session_id",))).status == 400
    assert (await analyze(client, session_id=" ")).status == 429
    assert (await analyze(client)).status == 200


async def test_limit_is_told_in_the_language_of_the_session(start, assistant):
    client = await start(limits="documented", sight_requests_per_minute=1)
    assistant.looks.question, assistant.looks.language = "समोर काय आहे?", "mr"
    assert (await analyze(client)).status == 200
    response = await analyze(client)
    await spoken(response, 429, worded(Sentence.RATE_LIMITED, "mr"))
    assert response.headers["X-Detected-Language"] == "mr"


@pytest.mark.parametrize("asked", [{"headers": {"Accept": "audio/wav"}}, {"response_format": "wav"}])
async def test_limit_for_small_players_is_wav_however_they_ask(start, asked):
    client = await start(limits="documented", sight_requests_per_minute=1)
    assert (await analyze(client, mode="snapshot")).status == 200
    response = await analyze(client, mode="snapshot", **asked)
    assert (response.status, response.headers["Content-Type"]) == (429, "audio/wav")


async def test_sentence_that_many_wait_for_is_made_once(client, assistant):
    assistant.looks.failure = DomainError(Reason.ENGINE_FAILED, "It broke.")
    assistant.voice.speech.may_say.clear()
    asking = [asyncio.create_task(analyze(client, session_id=f"s{number}")) for number in range(5)]

    async def all_failed():
        return len(assistant.looks.orders) == 5

    await eventually(all_failed)
    leaving = asking.pop(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assistant.voice.speech.may_say.set()
    assert {(await one).status for one in asking} == {500}
    assert len(assistant.voice.speech.said) == 1


async def test_sentence_that_was_not_made_is_made_later(client, assistant):
    assistant.looks.failure = DomainError(Reason.ENGINE_FAILED, "It broke.")
    assistant.voice.speech.failure = DomainError(Reason.SERVICE_UNAVAILABLE, "Away.")
    await refused(await analyze(client), 500, "It broke.")
    assistant.voice.speech.failure = None
    await spoken(await analyze(client), 500, worded(Sentence.FAILED, "en"))


async def test_one_session_is_answered_one_request_at_a_time(client, assistant):
    assistant.chat.release.clear()
    first, second = (asyncio.create_task(analyze(client, headers={"Accept": "audio/wav"})) for _ in range(2))
    await assistant.chat.said.wait()
    other = asyncio.create_task(analyze(client, session_id="another", headers={"Accept": "audio/wav"}))

    async def both_began():
        return len(assistant.looks.orders) == 2

    await eventually(both_began)
    assert {order.owner.owner for order in assistant.looks.orders} == {"test-123", "another"}
    assistant.chat.release.set()
    assert [one.status for one in await asyncio.gather(first, second, other)] == [200, 200, 200]
    kept = await (await client.get("/api/v1/session/test-123")).json()
    assert len(kept["chat_history"]) == 2


def reserved(client):
    return client.app[UPLOAD_BUDGET].reserved_bytes


async def test_files_are_forgotten_before_the_answer_is_spoken(client, assistant):
    assistant.chat.release.clear()
    asking = asyncio.create_task(analyze(client, image=JPEG + bytes(MIB)))
    await assistant.chat.said.wait()
    assert reserved(client) == 0
    assistant.chat.release.set()
    assert (await asking).status == 200


async def test_one_session_cannot_fill_the_memory_with_requests_that_wait(client, assistant):
    assistant.chat.release.clear()
    large = {"image": JPEG + bytes(9 * MIB), "headers": {"Accept": "audio/wav"}}
    asking = [asyncio.create_task(analyze(client, **large)) for _ in range(6)]
    done = []
    for crowded in asyncio.as_completed(asking):
        done.append(await crowded)
        if len(done) == 3:
            break
    for response in done:
        assert (response.status, response.headers["Content-Type"]) == (429, "audio/wav")
        assert int(response.headers["Retry-After"]) >= 1
    assert assistant.voice.speech.said == [(worded(Sentence.BUSY, "en"), "en")]
    assert reserved(client) <= 32 * MIB
    assistant.chat.release.set()
    answered = [response for response in await asyncio.gather(*asking) if response not in done]
    assert [response.status for response in answered] == [200] * 3
    assert reserved(client) == 0


@pytest.mark.parametrize("headers", [{"Accept": "audio/wav"}, {"Accept": "audio/mpeg"}])
async def test_client_that_leaves_stops_everything_and_makes_room(client, assistant, headers):
    assistant.chat.release.clear()
    asking = [asyncio.create_task(analyze(client, headers=headers)) for _ in range(3)]
    await assistant.chat.said.wait()
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)

    async def quiet():
        return not assistant.chat.running and not reserved(client)

    await eventually(quiet)
    assistant.chat.release.set()
    assert (await analyze(client)).status == 200
    kept = await (await client.get("/api/v1/session/test-123")).json()
    assert len(kept["chat_history"]) == 1


@pytest.mark.parametrize("accept", ["audio/wav", "audio/mpeg"])
async def test_client_that_does_not_read_is_left(start, assistant, accept):
    client = await start(stream_write_s=0.2)
    assistant.voice.pcm = bytes(MIB)
    assistant.chat.deltas = ["a"] * 32
    body = form(session_id="slow")(), None
    payload = io.BytesIO()

    class Writer:
        async def write(self, data):
            payload.write(data)

    await body[0].write(Writer())
    data = payload.getvalue()
    head = (
        f"POST {ANALYZE} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n"
        f"Content-Type: {body[0].headers['Content-Type']}\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    _reader, writer = await asyncio.open_connection("127.0.0.1", client.server.port, limit=1024)
    writer.write(head.encode() + data)
    async with asyncio.timeout(10):
        await assistant.chat.closed.wait()
    # The next request of the session is answered although the first one was never read.
    assistant.chat.deltas = ["b"]
    assert (await analyze(client, session_id="slow")).status == 200
    writer.transport.abort()


async def test_place_becomes_free_when_its_request_is_a_window_old_and_not_before():
    limiter = MovingLimiter(Allowance("test", RateLimitItemPerSecond(2)))
    assert [(await limiter.spend("a")).remaining for _ in range(2)] == [1, 0]
    spent_at = time.time()
    with pytest.raises(RateLimitedError) as caught:
        await limiter.spend("a")
    assert caught.value.retry_after_s == 1
    assert (await limiter.spend("b")).remaining == 1

    async def is_free():
        try:
            return await limiter.spend("a")
        except RateLimitedError:
            return None

    await eventually(is_free)
    assert time.time() - spent_at > 0.9
