"""Reads the stream of a chat completion: text as it comes, then how it ended and what it cost."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import httpx2
import openai
from openai import AsyncStream
from openai.types.chat import ChatCompletionChunk

from quintet_errors import DomainError
from quintet_llm.engine import FinishReason
from quintet_llm.engines.provider_errors import Failures

_LARGEST_EVENT = 1 << 20
_LARGEST_BODY = 8 << 20
_MOST_TOKENS = (1 << 31) - 1
_STOP = {"stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_reason"}
_LENGTH = {"length", "max_tokens", "model_length", "max_output_tokens"}
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}")


@dataclass(frozen=True)
class StreamEnd:
    """How an answer ended; the tokens are None where the provider did not count them."""

    reason: FinishReason
    input_tokens: int | None
    output_tokens: int | None


class WatchedBody(httpx2.AsyncByteStream):
    """Passes a body on, within bounds, and sees whether it says `[DONE]`, which the SDK keeps to itself."""

    def __init__(
        self, body: AsyncIterator[bytes] | httpx2.AsyncByteStream, failures: Failures, *, events: bool
    ) -> None:
        self._body = body
        self._failures = failures
        self._events = events
        self._line = b""
        self._size = 0
        self.done = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            self._watch(chunk)
            yield chunk

    async def aclose(self) -> None:
        """Closes the connection unless the body was read to its end."""
        if isinstance(self._body, httpx2.AsyncByteStream):
            await self._body.aclose()

    def _watch(self, chunk: bytes) -> None:
        if self._events:
            for index, part in enumerate(chunk.split(b"\n")):
                if index:
                    self._end_line()
                self._size += len(part)
                self._line = (self._line + part)[:16]
        else:
            self._size += len(chunk)
        if self._size > (_LARGEST_EVENT if self._events else _LARGEST_BODY):
            raise self._failures.unreadable("sent more at once than any answer needs")

    def _end_line(self) -> None:
        line = self._line.rstrip(b"\r")
        self.done = self.done or line.replace(b" ", b"").startswith(b"data:[DONE]")
        if not line:
            # A blank line ends an event: what came before it is not kept.
            self._size = 0
        self._line = b""


def is_event_stream(response: httpx2.Response) -> bool:
    """Tells whether a response says that it is a stream of events."""
    return response.headers.get("content-type", "").lower().startswith("text/event-stream")


async def read_stream(
    stream: AsyncStream[ChatCompletionChunk], failures: Failures
) -> AsyncGenerator[str | StreamEnd, None]:
    """Yields text, never empty, then exactly one `StreamEnd`. Closing it closes the connection.

    Raises:
        DomainError: whatever went wrong, after the text before it.
    """
    reading = _Reading(failures)
    try:
        _check_type(stream.response, failures)
        async for chunk in stream:
            if text := reading.take(chunk):
                yield text
    except (DomainError, openai.OpenAIError, ValueError, TypeError, AttributeError, RecursionError) as error:
        # What fails after the end of the answer takes nothing away from it.
        if not reading.ended:
            raise reading.failure(error) from None
    finally:
        await stream.close()
    body = stream.response.stream
    yield reading.end(done=isinstance(body, WatchedBody) and body.done)


class _Reading:
    """What was read of a stream so far."""

    def __init__(self, failures: Failures) -> None:
        self._failures = failures
        self._said_anything = False
        self._finish = ""
        self._usage: tuple[int | None, int | None] = (None, None)

    @property
    def ended(self) -> bool:
        """Whether the provider said why the answer ended."""
        return bool(self._finish)

    def take(self, chunk: ChatCompletionChunk) -> str:
        """Returns the text of a chunk, empty if it has none."""
        self._usage = _usage_of(chunk) or self._usage
        text = ""
        for choice in getattr(chunk, "choices", None) or ():
            if getattr(choice, "index", 0):
                continue
            text += _text_of(getattr(choice, "delta", None))
            self._finish = str(getattr(choice, "finish_reason", None) or self._finish).lower()
        self._said_anything = self._said_anything or bool(text)
        return text

    def failure(self, error: Exception) -> DomainError:
        """Returns what an error in the middle of the stream means."""
        lost = isinstance(error, openai.APIConnectionError) and not isinstance(error, openai.APITimeoutError)
        return self._failures.broken_off() if lost else self._failures.of(error)

    def end(self, *, done: bool) -> StreamEnd:
        """Returns how the answer ended; `done` tells that the stream said so itself, as some do instead of a reason.

        Raises:
            DomainError: ENGINE_FAILED if it did not end by itself, or said nothing at all.
        """
        if not self._finish and not done:
            raise self._failures.broken_off()
        if self._finish in _LENGTH:
            return StreamEnd(FinishReason.LENGTH, *self._usage)
        if self._finish and self._finish not in _STOP:
            raise self._failures.withheld()
        if not self._said_anything:
            raise self._failures.unreadable("ended its answer without a word")
        return StreamEnd(FinishReason.STOP, *self._usage)


def _check_type(response: httpx2.Response, failures: Failures) -> None:
    stated = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if stated and not is_event_stream(response):
        shown = stated if _MEDIA_TYPE.fullmatch(stated) else "something else"
        raise failures.unreadable(f"answered with {shown} and not with a stream of events")


def _text_of(delta: object) -> str:
    """Returns the text of a delta. Some providers send a list of parts, of which only those of type text are said."""
    content = getattr(delta, "content", None) or getattr(delta, "refusal", None)
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = (part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text")
    return "".join(text for text in texts if isinstance(text, str))


def _usage_of(chunk: ChatCompletionChunk) -> tuple[int | None, int | None] | None:
    usage = getattr(chunk, "usage", None)
    if usage is None and isinstance(extra := getattr(chunk, "x_groq", None), dict):
        usage = extra.get("usage")
    if usage is None:
        return None
    return _tokens(usage, "prompt_tokens"), _tokens(usage, "completion_tokens")


def _tokens(usage: object, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else getattr(usage, name, None)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    return min(value, _MOST_TOKENS)
