"""Reads the messages of StreamingSynthesize, each only when it is asked for."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from quintet.tts.v1 import tts_service_pb2 as pb
from quintet_errors import DomainError, Reason
from quintet_tts.messages import check_text, invalid

MOST_CHARACTERS = 100_000


class TextStream:
    """The messages of one call: the config, then texts that together have at most 100000 characters.

    Whoever is asked for a message has `idle_s` seconds to send it.
    """

    def __init__(self, requests: AsyncIterator[pb.StreamingSynthesizeRequest], idle_s: float) -> None:
        self._requests = requests
        self._idle_s = idle_s

    async def config(self) -> pb.StreamingSynthesizeConfig:
        """Reads the first message.

        Raises:
            DomainError: STREAM_OUT_OF_ORDER or DEADLINE_EXCEEDED.
        """
        request = await self._next()
        if request is None or request.WhichOneof("payload") != "config":
            raise _out_of_order()
        return request.config

    async def texts(self) -> AsyncGenerator[str, None]:
        """Reads and yields the texts, up to the caller's half-close.

        Raises:
            DomainError: STREAM_OUT_OF_ORDER, MISSING_FIELD, INVALID_ARGUMENT or DEADLINE_EXCEEDED.
        """
        characters = 0
        while (request := await self._next()) is not None:
            if request.WhichOneof("payload") != "text":
                raise _out_of_order()
            check_text(request.text)
            characters += len(request.text)
            if characters > MOST_CHARACTERS:
                raise invalid("text", f"The texts of one call have more than {MOST_CHARACTERS} characters together.")
            yield request.text

    async def _next(self) -> pb.StreamingSynthesizeRequest | None:
        try:
            async with asyncio.timeout(self._idle_s):
                return await anext(self._requests, None)
        except TimeoutError as error:
            raise DomainError(
                Reason.DEADLINE_EXCEEDED,
                f"No text came for {self._idle_s:g} s. Half-close the call behind the last text.",
                {"idleSeconds": f"{self._idle_s:g}"},
            ) from error


def _out_of_order() -> DomainError:
    return DomainError(
        Reason.STREAM_OUT_OF_ORDER,
        "The stream is out of order: `config` must come first and once, followed by messages with `text`.",
    )
