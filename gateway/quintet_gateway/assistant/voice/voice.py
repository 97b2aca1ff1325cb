"""The voice turn: from speech to text, to the model's answer, to speech, each as soon as the one before begins."""

from quintet_gateway.assistant.chat_turns import ChatTurns
from quintet_gateway.assistant.turn import Ask
from quintet_gateway.assistant.voice.conversation import Conversation
from quintet_gateway.assistant.voice.conversation_events import ConversationOptions
from quintet_gateway.assistant.voice.hearing import Hearing
from quintet_gateway.assistant.voice.reply import Reply
from quintet_gateway.assistant.voice.speech import Speech, SpeechOptions
from quintet_gateway.clients.stt import SttClient


class Voice:
    """Answers aloud, and holds spoken conversations."""

    def __init__(self, chat: ChatTurns, hearing: Hearing, speech: Speech, stt: SttClient) -> None:
        self.hearing = hearing
        self.speech = speech
        self._chat = chat
        self._stt = stt

    async def reply(self, ask: Ask, options: SpeechOptions | None) -> Reply:
        """Begins a turn and returns its answer, spoken as `options` say, or as text only for None.

        Of a turn that is `kept_by_caller`, the caller calls `Reply.turn.keep` when its events were closed.

        Raises:
            DomainError: as ChatTurns.begin does.
        """
        return Reply(await self._chat.begin(ask), self.speech, options)

    def converse(self, options: ConversationOptions) -> Conversation:
        """Begins a conversation on one connection."""
        return Conversation(options, self._stt, self.reply)
