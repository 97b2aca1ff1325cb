"""What happens in a spoken conversation, as the messages of its connection."""

from contextlib import aclosing

from quintet_errors import DomainError
from quintet_gateway.assistant import Assistant, Owner, voice
from quintet_gateway.dialects.omni import translate
from quintet_gateway.dialects.omni.errors import describe
from quintet_gateway.dialects.omni.events import tell_of_failure
from quintet_gateway.dialects.omni.schemas import LiveOrder
from quintet_gateway.http.large_json import LARGE_BYTES, JsonThreads
from quintet_gateway.http.websocket import Connection

# After these it may be that nobody waits for an answer any more.
_ENDS = (voice.Answered, voice.Interrupted, voice.Failed, voice.ResetDone)


class Teller:
    """Tells one connection; what the document does not have is told only to those who asked for it."""

    def __init__(
        self, assistant: Assistant, owner: Owner, session_id: str, order: LiveOrder, connection: Connection
    ) -> None:
        self._assistant = assistant
        self._owner = owner
        self._session_id = session_id
        self._order = order
        self._connection = connection
        self._pieces = 0

    async def tell_all(self, conversation: voice.Conversation, threads: JsonThreads) -> None:
        """Sends what is to be told of a conversation until it is closed; `threads` encode long answers."""
        async with aclosing(conversation.events()) as events:
            async for event in events:
                await self._tell(event, threads)
                if isinstance(event, _ENDS):
                    self._connection.occupy(occupied=conversation.is_answering)

    async def _tell(self, event: voice.ConversationEvent, threads: JsonThreads) -> None:
        match event:
            case voice.Activity():
                self._send(translate.vad_status(event.probability))
            case voice.Interim() | voice.Heard():
                self._tell_text(event)
            case voice.Processing():
                self._begin_answer()
            case voice.AnswerText() | voice.AnswerSound():
                self._tell_piece(event)
            case voice.Answered():
                await self._tell_answer(event, threads)
            case voice.Failed():
                await self._tell_failure(event.error)
            case voice.ResetDone():
                self._send(translate.status("reset"))
            case voice.Interrupted() | voice.NothingToStop():
                self._tell_stop(event)

    def tell_error(self, error: Exception) -> None:
        """Says what is wrong with a message, or what failed."""
        self._send(translate.error(describe(error).detail))

    def _send(self, text: str) -> None:
        self._connection.send(text)

    def _tell_text(self, event: voice.Interim | voice.Heard) -> None:
        if self._order.interim:
            self._send(translate.transcript(event.text, is_final=isinstance(event, voice.Heard)))

    def _begin_answer(self) -> None:
        self._pieces = 0
        self._connection.occupy(occupied=True)
        self._send(translate.status("processing"))

    def _tell_piece(self, event: voice.AnswerText | voice.AnswerSound) -> None:
        number, self._pieces = self._pieces, self._pieces + 1
        if isinstance(event, voice.AnswerText):
            self._send(translate.response_text(number, event.text))
        else:
            self._send(translate.response_sound(number, event.audio, event.format.sample_rate_hz))

    async def _tell_answer(self, event: voice.Answered, threads: JsonThreads) -> None:
        if len(event.audio) > LARGE_BYTES:
            self._send(await threads.run(lambda: translate.response(event.text, event.audio, event.took_s)))
        else:
            self._send(translate.response(event.text, event.audio, event.took_s))

    async def _tell_failure(self, error: DomainError) -> None:
        self.tell_error(error)
        await tell_of_failure(self._assistant, self._owner, self._session_id, error)

    def _tell_stop(self, event: voice.Interrupted | voice.NothingToStop) -> None:
        # Only who hears an answer while it is made can be interrupted in it; to others it was stopped.
        interrupted = self._order.stream and isinstance(event, voice.Interrupted)
        self._send(translate.status("interrupted" if interrupted else "stopped"))
