"""Questions that have no topic of their own: documents are searched for the one before, too."""

import re
from collections.abc import Sequence

from quintet.chat.v1.chat_service_pb2 import ChatMessage

_LONGEST = 60
_LEADS_ON = re.compile(r"(?:and|or|but|what about|how about|und|et|y|e)\b", re.IGNORECASE)
_POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|he|she|him|his|her|that one|this one|those|these|there)\b(?! (?:are|is|any|a)\b)",
    re.IGNORECASE,
)
_ASKS_ONLY = re.compile(
    r"(?:(?:when|where|who|why|how|which|what|exactly|much|many|long|often|far|is|was|are|were|so|by|whom|then|wann|wo|"
    r"warum|wer|wie|viel)\b[\s?!.,]*)+",
    re.IGNORECASE,
)


def continues(text: str) -> bool:
    """Tells whether a short question means something that was said before."""
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return False
    return bool(_LEADS_ON.match(text) or _POINTS_BACK.search(text) or _ASKS_ONLY.fullmatch(text))


def with_topic(text: str, earlier: Sequence[ChatMessage]) -> str:
    """Returns a question with the one before it in front; `earlier` is the conversation, the oldest first."""
    before = next((said.content for said in reversed(earlier) if said.role == ChatMessage.ROLE_USER), "")
    return f"{before} {text}" if before else text
