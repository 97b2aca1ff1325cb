"""Opens conversations: what all of them share, and what one of them is made of."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from quintet.stt.v1 import stt_service_pb2 as pb
from quintet_stt.admission import Lanes
from quintet_stt.engine import SttEngine
from quintet_stt.streaming.conversation import Conversation
from quintet_stt.streaming.ear import Ears
from quintet_stt.streaming.options import StreamingOptions, options_of
from quintet_stt.streaming.outbox import Outbox
from quintet_stt.streaming.places import Places
from quintet_stt.streaming.requests import Follower, config_of
from quintet_stt.streaming.responses import response_of
from quintet_stt.streaming.transcriber import Transcriber

Requests = AsyncIterator[pb.StreamingTranscribeRequest]
Responses = AsyncGenerator[pb.StreamingTranscribeResponse, None]


class ConversationDesk:
    """Follows a bounded number of conversations over one engine."""

    def __init__(
        self, engine: SttEngine, lanes: Lanes, *, most: int, interim_every_s: float, stalled_reader_s: float
    ) -> None:
        self._engine = engine
        self._transcriber = Transcriber(engine, lanes)
        self._places = Places(most)
        self._interim_every_s = interim_every_s
        self._stalled_reader_s = stalled_reader_s
        self._ears = Ears()

    async def load(self) -> None:
        """Makes the first conversation as fast as the next."""
        await self._ears.load()

    def close(self) -> None:
        """Ends the threads."""
        self._ears.close()

    async def follow(self, requests: Requests) -> Responses:
        """Yields what happens in a conversation until its caller half-closes; closing the iterator drops everything.

        Raises:
            DomainError: ENGINE_BUSY if there is no place; for messages that are wrong; SERVICE_UNAVAILABLE at the end
                of the process.
        """
        with self._places.take():
            options = options_of(await config_of(requests), self._engine.info())
            conversation, outbox = self._open(options)
            following = asyncio.create_task(Follower(requests, conversation, options.audio_pause_s).follow())
            following.add_done_callback(lambda task: outbox.close(None if task.cancelled() else task.exception()))
            try:
                async for event in conversation.events():
                    yield response_of(event)
            finally:
                following.cancel()
                await asyncio.wait({following})
                await conversation.close()

    def _open(self, options: StreamingOptions) -> tuple[Conversation, Outbox]:
        serving = asyncio.current_task()
        assert serving is not None  # noqa: S101 - a coroutine runs in a task
        outbox = Outbox(self._stalled_reader_s, lambda: serving.cancel("The caller does not read."))
        return Conversation(options, self._ears, self._transcriber, outbox, self._interim_every_s), outbox
