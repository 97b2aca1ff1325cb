"""The openai SDK, pointed at one provider. Importing this takes two seconds and 40 MB, so only its engine does."""

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream, Omit
from openai.types.chat import ChatCompletionChunk

from quintet_errors import DomainError
from quintet_llm.engines.provider_errors import Failures
from quintet_llm.engines.provider_messages import Message
from quintet_llm.engines.provider_options import ProviderOptions
from quintet_llm.engines.provider_stream import StreamEnd, WatchedBody, is_event_stream, read_stream

_LIST_S = 2.0
_MOST_LISTED = 500
_LONGEST_NAME = 200
_IDLE_CONNECTIONS = 16


@dataclass(frozen=True)
class Call:
    """One chat completion; 0 tokens is no limit, and no temperature the model's own."""

    model: str
    messages: list[Message]
    max_output_tokens: int = 0
    temperature: float | None = None


class ProviderClient:
    """Streams chat completions from one provider."""

    def __init__(self, options: ProviderOptions) -> None:
        # OPENAI_LOG=debug would make the SDK write requests, and with them conversations, into the logs.
        logging.getLogger("openai").setLevel(logging.WARNING)
        self._options = options
        self._failures = Failures(options)
        self._sdk = AsyncOpenAI(
            api_key=options.key.get_secret_value() or "keyless",
            base_url=options.address,
            max_retries=0,
            default_headers=_headers(options),
            http_client=self._http_client(),
        )
        # The SDK imports its resources at first use, which would stop the event loop for half a second.
        self._completions = self._sdk.chat.completions
        self._models = self._sdk.models

    async def models(self) -> tuple[str, ...]:
        """Returns the names that the provider lists, empty if it lists none.

        Raises:
            DomainError: SERVICE_UNAVAILABLE or DEADLINE_EXCEEDED if it can't be reached or refuses the key.
        """
        try:
            listing = await self._models.with_raw_response.list(timeout=_LIST_S)
            return _names_of(json.loads(listing.content))
        except openai.APIStatusError as error:
            if error.status_code in {401, 403}:
                raise self._failures.of(error) from None
        except openai.APIConnectionError as error:
            raise self._failures.of(error) from None
        except (DomainError, openai.OpenAIError, ValueError, RecursionError):
            # Whoever sends something else than a list may still complete chats.
            return ()
        return ()

    async def answer(self, call: Call) -> AsyncGenerator[str | StreamEnd, None]:
        """Yields text, then exactly one `StreamEnd`. Closing it closes the connection.

        Raises:
            DomainError: whatever went wrong, after the text before it.
        """
        failures = Failures(self._options, call.model)
        stream = await self._open(call, failures)
        async with aclosing(read_stream(stream, failures)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """Closes every connection."""
        await self._sdk.close()

    async def _open(self, call: Call, failures: Failures) -> AsyncStream[ChatCompletionChunk]:
        parameters = _parameters(call, self._options)
        try:
            try:
                return await self._create(parameters)
            except openai.APIConnectionError as error:
                if not _is_lost_connection(error):
                    raise
                # A server that restarted has closed the connections that were kept; nothing was answered yet.
                return await self._create(parameters)
        except (DomainError, openai.OpenAIError, ValueError, TypeError, RecursionError) as error:
            raise failures.of(error) from None

    async def _create(self, parameters: dict[str, Any]) -> AsyncStream[ChatCompletionChunk]:
        stream: AsyncStream[ChatCompletionChunk] = await self._completions.create(stream=True, **parameters)
        return stream

    def _http_client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            timeout=httpx2.Timeout(self._options.read_s, connect=self._options.connect_s),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=_IDLE_CONNECTIONS),
            # Texts go to the address that was configured and to no other.
            follow_redirects=False,
            # A proxy of the machine is for the world outside of it.
            trust_env=not self._options.is_local,
            event_hooks={"request": [self._strip], "response": [self._watch]},
        )

    async def _strip(self, request: httpx2.Request) -> None:
        if not self._options.key.get_secret_value():
            # The SDK insists on a key; a server that needs none is sent none.
            request.headers.pop("Authorization", None)

    async def _watch(self, response: httpx2.Response) -> None:
        events = is_event_stream(response) and response.is_success
        body = response.stream
        if not isinstance(body, httpx2.AsyncByteStream) or response.headers.get("content-encoding"):
            raise openai.APIResponseValidationError(response=response, body=None)
        response.stream = WatchedBody(body, self._failures, events=events)


def _headers(options: ProviderOptions) -> dict[str, Any]:
    # A compressed stream would come late, and its size is known only after it is unpacked.
    headers: dict[str, Any] = {"Accept-Encoding": "identity"}
    if options.quirks.name != "openai":
        # The SDK takes these from the environment for whatever address.
        headers |= {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
    return headers


def _parameters(call: Call, options: ProviderOptions) -> dict[str, Any]:
    quirks = options.quirks
    messages = [{"role": message.role, "content": message.content} for message in call.messages]
    parameters: dict[str, Any] = {"model": call.model, "messages": messages}
    if quirks.asks_for_usage:
        parameters["stream_options"] = {"include_usage": True}
    if call.max_output_tokens:
        parameters[quirks.limit_parameter] = call.max_output_tokens
    if call.temperature is not None and not call.model.startswith(quirks.fixed_temperature or ("\0",)):
        parameters["temperature"] = min(call.temperature, quirks.hottest)
    return parameters


def _is_lost_connection(error: openai.APIConnectionError) -> bool:
    return isinstance(error.__cause__, httpx2.ConnectError | httpx2.RemoteProtocolError)


def _names_of(listing: object) -> tuple[str, ...]:
    entries = listing.get("data") if isinstance(listing, dict) else None
    names = [entry.get("id") for entry in entries or () if isinstance(entry, dict)] if isinstance(entries, list) else []
    good = [name.removeprefix("models/") for name in names if isinstance(name, str) and _is_name(name)]
    return tuple(dict.fromkeys(good))[:_MOST_LISTED]


def _is_name(name: str) -> bool:
    return bool(name) and len(name) <= _LONGEST_NAME and name.isprintable()
