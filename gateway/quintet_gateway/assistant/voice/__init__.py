"""Speaking with people: understanding recordings, speaking texts, and answers that are written and spoken at once."""

from quintet_gateway.assistant.voice.clauses import ClauseCutter
from quintet_gateway.assistant.voice.conversation import Conversation
from quintet_gateway.assistant.voice.conversation_events import (
    Activity,
    Answered,
    AnswerSound,
    AnswerText,
    ConversationEvent,
    ConversationOptions,
    Failed,
    Heard,
    Interim,
    Interrupted,
    NothingToStop,
    Processing,
    ResetDone,
    SpeechBegan,
)
from quintet_gateway.assistant.voice.hearing import Hearing
from quintet_gateway.assistant.voice.reply import Reply, ReplyEvent, ReplySound, ReplyText
from quintet_gateway.assistant.voice.speech import Speech, SpeechEvent, SpeechOptions, SpeechStarted, Spoken, TextSpoken
from quintet_gateway.assistant.voice.spoken import SpokenForm, spoken_form
from quintet_gateway.assistant.voice.voice import Voice

__all__ = [
    "Activity",
    "AnswerSound",
    "AnswerText",
    "Answered",
    "ClauseCutter",
    "Conversation",
    "ConversationEvent",
    "ConversationOptions",
    "Failed",
    "Heard",
    "Hearing",
    "Interim",
    "Interrupted",
    "NothingToStop",
    "Processing",
    "Reply",
    "ReplyEvent",
    "ReplySound",
    "ReplyText",
    "ResetDone",
    "Speech",
    "SpeechBegan",
    "SpeechEvent",
    "SpeechOptions",
    "SpeechStarted",
    "Spoken",
    "SpokenForm",
    "TextSpoken",
    "Voice",
    "spoken_form",
]
